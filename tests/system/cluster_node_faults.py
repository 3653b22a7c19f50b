"""What is done to three nodes under Patroni, for cluster.py."""
import contextlib
import time

from cluster_faults import Faults, active, progress
from cluster_parts import fail, say, until

# Longer than a primary that is cut off keeps its lead.
CUT_SECONDS = 30


class NodeFaults(Faults):
    def database_killed(self, _):
        """The primary killed: for good until another one leads, or started again at once in its place; or PostgreSQL
        alone, which its Patroni starts again."""
        node = self.database.wait()
        how = self.turn("database", ["for long", "for long", "for a moment", "without its Patroni"])
        time.sleep(self.chance.random())
        at = time.monotonic()
        node.kill_database() if how == "without its Patroni" else node.kill()
        if how == "for a moment":
            time.sleep(self.chance.random() * 3)
            node.start()
        if how == "for long":
            self.promoted(node, "primary killed", f"killed node {node.number}", at)
        self.went_on(f"primary killed {how}", f"killed node {node.number}, the primary, {how}", at)
        if how == "for long":
            node.start()
        self.whole(at)

    def promoted(self, lost, kind, what, since):
        """Waits until another node leads."""
        others = [node for node in self.database.nodes if node is not lost]
        new = until(lambda: next((node for node in others if node.says("primary")[0] == 200), None),
                    f"{what}: no other node leads")
        took = time.monotonic() - since
        self.until_promoted[kind].append(took)
        say(f"{what}: node {new.number} leads after {took:.1f} s")

    def patroni(self, _):
        """The primary goes on without its Patroni, which another node's Patroni takes for a lost node."""
        node = self.database.wait()
        how = self.turn("patroni", ["killed", "stopped"])
        at, timeline = time.monotonic(), self.database.timeline()
        node.kill_patroni() if how == "killed" else node.stop_patroni()
        # Another node leads, and the load goes on there, while the former primary still runs.
        self.promoted(node, f"Patroni {how}", f"Patroni of node {node.number} {how}", at)
        self.went_on(f"Patroni {how}", f"Patroni of node {node.number} {how}", at)
        if not node.database():
            fail(f"the database of node {node.number} ended with its Patroni")
        node.start() if how == "killed" else node.continue_patroni()
        self.whole(at)
        if self.database.timeline() <= timeline:
            fail("no node was promoted")

    def cut(self, number):
        """One loses all its packets to some others, for a time."""
        network = self.database.network
        how = self.turn("cut", ["primary from its peers", "owner", "primary", "standby", "node"])
        primary, owner = self.database.wait(), active(self.servers)
        nodes, servers = self.database.nodes, self.servers
        addresses = {one: one.place.address for one in [*nodes, *servers]}
        if how in ("owner", "standby"):
            # From the database and the other servers; clients still reach it.
            one = owner if how == "owner" else next(server for server in servers if server is not owner)
            peers = addresses.values()
        else:
            one = primary if how != "node" else next(node for node in nodes if node is not primary)
            # Servers may still reach a primary that its peers do not see any more.
            near = nodes if how == "primary from its peers" else addresses
            peers = [addresses[other] for other in near] + ([network.here] if network else [])
        looks = self.looks_at(one) if how == "owner" else contextlib.nullcontext()
        with looks:
            at = time.monotonic()
            one.cut([peer for peer in peers if peer != one.place.address])
            self.went_on(f"cut off: {how}", f"cut off {how} {one.number}", at)
            time.sleep(max(0, CUT_SECONDS - (time.monotonic() - at)))
        one.heal()
        self.whole(at)

    def whole(self, since):
        primary = self.database.wait()
        progress(self.load)
        say(f"all nodes are back after {time.monotonic() - since:.1f} s, and node {primary.number} leads")

    def etcd(self, _):
        """Without etcd's quorum no node may lead, so nobody writes. Without one of its members nothing changes."""
        self.database.wait()
        how = self.turn("etcd", ["two killed", "one killed", "two stopped", "one stopped"])
        at = time.monotonic()
        bring_back = self.database.lose_etcd(how, self.chance)
        if how.startswith("two"):
            until(lambda: not any(node.says("primary")[0] == 200 for node in self.database.nodes),
                  "a node leads without the quorum of etcd")
            say(f"etcd, {how}: no node leads after {time.monotonic() - at:.1f} s")
            time.sleep(self.chance.random() * 5)
            at = time.monotonic()
            bring_back()
            self.went_on(f"etcd back, {how}", f"etcd, {how}, and brought back", at)
        else:
            self.went_on(f"etcd, {how}", f"etcd, {how}", at)
            time.sleep(self.chance.random() * 5)
            bring_back()
        self.whole(at)
