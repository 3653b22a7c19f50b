// Package main is a client of memberbase with retries, deadlines, pages and imports; docs/clients/go.md quotes
// it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	api "memberbase.example/client/generated/publisher/v1"
)

// Calls that the library sends again, with the same message and so with the same request id.
const retries = `{"methodConfig": [{
	"name": [{"service": "publisher.v1.MemberService"}, {"service": "publisher.v1.MemberBaseService"}],
	"retryPolicy": {
		"maxAttempts": 5, "initialBackoff": "0.2s", "maxBackoff": "5s", "backoffMultiplier": 2,
		"retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"]
	}
}]}`

const (
	largestMessage = 32 << 20
	deadline       = 30 * time.Second
)

type bearer string

func (token bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(token)}, nil
}

func (bearer) RequireTransportSecurity() bool { return true }

// connect returns a connection with TLS. Goroutines may share it.
func connect(address, token, authority string) (*grpc.ClientConn, error) {
	tls, err := credentials.NewClientTLSFromFile(authority, "")
	if err != nil {
		return nil, err
	}
	return grpc.Dial(address,
		grpc.WithTransportCredentials(tls),
		grpc.WithPerRPCCredentials(bearer(token)),
		grpc.WithDefaultServiceConfig(retries),
		// By default replies over 4 MiB are refused, and messages over 256 KiB are not sent again.
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(largestMessage), grpc.MaxRetryRPCBufferSize(largestMessage)),
		// A connection without an answer is noticed after 40 s.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}))
}

// upsert writes rows, and returns the failed ones. The request id makes it safe to send the call again.
func upsert(ctx context.Context, members api.MemberServiceClient, base, requestID string, rows []*api.MemberInput) ([]*api.MemberResult, error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	reply, err := members.BulkUpsertMembers(ctx,
		&api.BulkUpsertMembersRequest{MemberBaseId: base, Members: rows, RequestId: requestID})
	if err != nil {
		return nil, err
	}
	var failed []*api.MemberResult
	for _, result := range reply.Results {
		if result.Error != nil {
			failed = append(failed, result)
		}
	}
	return failed, nil
}

// everyMember calls each for all members that match. A page may be short, even empty: only More says whether
// it is the last.
func everyMember(ctx context.Context, members api.MemberServiceClient, base string, filters []*api.Filter, each func(*api.Member)) error {
	limit := int32(5000)
	page := &api.Pagination{Limit: &limit}
	for {
		call, cancel := context.WithTimeout(ctx, deadline)
		reply, err := members.ListMembers(call,
			&api.ListMembersRequest{MemberBaseId: base, Filters: filters, Pagination: page})
		cancel()
		if err != nil {
			return err
		}
		for _, member := range reply.Members {
			each(member)
		}
		if !reply.Page.More {
			return nil
		}
		page.Cursor = reply.Page.Cursor
	}
}

const (
	tries          = 20 // without a reply in between
	rowsOfChunk    = 1000
	chunksOnTheWay = 8
)

// isLost says whether a stream ended because the connection was lost, or cut by a proxy.
func isLost(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.Canceled, codes.Internal, codes.Unknown, codes.ResourceExhausted, codes.DeadlineExceeded:
		return true
	}
	return errors.Is(err, io.EOF)
}

// importRows sends all rows of next, which returns nil after the last, over as many connections as it takes,
// and calls each with the reply to each chunk.
//
// The server applies each chunk of an import id once. To go on after a crash of this client, call it with the
// same id and the same rows.
func importRows(ctx context.Context, members api.MemberServiceClient, base, importID string, next func() *api.MemberInput, each func(*api.ImportMembersResponse)) error {
	var unanswered []*api.ImportMembersRequest
	numbered, isOver := uint64(0), false
	chunk := func() *api.ImportMembersRequest {
		numbered++
		chunk := &api.ImportMembersRequest{Chunk: numbered}
		for !isOver && len(chunk.Members) < rowsOfChunk {
			if row := next(); row != nil {
				chunk.Members = append(chunk.Members, row)
			} else {
				isOver = true
			}
		}
		return chunk
	}
	failures := 0
	// One stream: returns nil once every chunk is answered.
	attempt := func() error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream, err := members.ImportMembers(ctx)
		if err != nil {
			return err
		}
		options := &api.ImportOptions{MemberBaseId: base, ImportId: importID}
		if err := stream.Send(&api.ImportMembersRequest{Options: options}); err != nil {
			return err
		}
		for _, chunk := range unanswered {
			if err := stream.Send(chunk); err != nil {
				return err
			}
		}
		for {
			for !isOver && len(unanswered) < chunksOnTheWay {
				chunk := chunk()
				if len(chunk.Members) == 0 {
					break
				}
				unanswered = append(unanswered, chunk)
				// An error is reported by Recv, with its code.
				_ = stream.Send(chunk)
			}
			if len(unanswered) == 0 {
				return stream.CloseSend()
			}
			reply, err := stream.Recv()
			if err != nil {
				return err
			}
			unanswered = unanswered[1:]
			failures = 0
			each(reply)
		}
	}
	for {
		err := attempt()
		if err == nil {
			return nil
		}
		failures++
		if !isLost(err) || failures == tries {
			return fmt.Errorf("import %s: %w", importID, err)
		}
		time.Sleep(time.Duration(failures) * 500 * time.Millisecond)
	}
}
