package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	api "memberbase.example/client/generated/publisher/v1"
)

const rows = 20_000

// Runs the recipe: ADDRESS TOKEN AUTHORITY FOLDER. In the middle of the import it creates FOLDER/half, and goes
// on once FOLDER/again is there: meanwhile the server is killed and started again.
func main() {
	address, token, authority, folder := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	ctx := context.Background()
	connection, err := connect(address, token, authority)
	check(err)
	defer connection.Close()
	bases, members := api.NewMemberBaseServiceClient(connection), api.NewMemberServiceClient(connection)
	created, err := bases.CreateMemberBase(ctx, &api.CreateMemberBaseRequest{Name: "go recipe"})
	check(err)
	base := created.MemberBase.Id

	text := func(text string) *string { return &text }
	failed, err := upsert(ctx, members, base, "one-call",
		[]*api.MemberInput{{Ref: text("one")}, {Ref: text("two"), Email: text("no address")}})
	check(err)
	same("failed", len(failed), 1)
	same("field", failed[0].Error.Violations[0].Field, "email")

	sent := 0
	next := func() *api.MemberInput {
		if sent == rows {
			return nil
		}
		if sent == rows/2 {
			check(os.WriteFile(filepath.Join(folder, "half"), nil, 0o600))
			for {
				if _, err := os.Stat(filepath.Join(folder, "again")); err == nil {
					break
				}
				time.Sleep(50 * time.Millisecond)
			}
		}
		sent++
		return &api.MemberInput{Ref: text(fmt.Sprintf("r%d", sent))}
	}
	chunks, imported := uint64(0), uint64(0)
	check(importRows(ctx, members, base, "5f1f3c9e-8a5b-4d3c-9f5e-0d3c7a1b2c3d", next, func(reply *api.ImportMembersResponse) {
		chunks++
		same("chunk", reply.Chunk, chunks)
		imported += uint64(reply.Counts.Created)
	}))
	same("imported", imported, uint64(rows))
	listed := 0
	check(everyMember(ctx, members, base, nil, func(*api.Member) { listed++ }))
	same("listed", listed, rows+1)
	fmt.Println("go recipe: ok")
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func same(what string, found, expected interface{}) {
	if found != expected {
		log.Fatalf("%s: found %v, expected %v", what, found, expected)
	}
}
