"""A forum as a SourceCred graph."""

from __future__ import annotations

import json
from typing import Any

SERVER = "https://forum.example.org"
START = 1_607_551_533_171


class Graph:
    """A graph under construction: nodes by address, edges between them."""

    def __init__(self) -> None:
        self.addresses: list[list[str]] = []
        self.nodes: list[dict[str, Any]] = []
        self.edges: list[dict[str, Any]] = []

    def address(self, *parts: str) -> int:
        address = ["sourcecred", *parts]
        if address not in self.addresses:
            self.addresses.append(address)
        return self.addresses.index(address)

    def node(self, *parts: str, ms: int | None = None, text: str = "") -> int:
        index = self.address(*parts)
        self.nodes.append({"index": index, "timestampMs": ms, "description": text})
        return index

    def edge(self, source: int, target: int, ms: int, *parts: str) -> None:
        address = ["sourcecred", *parts]
        self.edges.append(
            {"address": address, "srcIndex": source, "dstIndex": target, "timestampMs": ms}
        )

    def written(self, weighted: bool = True) -> bytes:
        content: dict[str, Any] = {
            "sortedNodeAddresses": self.addresses,
            "nodes": self.nodes,
            "edges": self.edges,
        }
        graph = [{"type": "sourcecred/graph", "version": "0.8.0"}, content]
        if not weighted:
            return json.dumps(graph).encode()
        kind = {"type": "sourcecred/weightedGraph", "version": "0.1.0"}
        return json.dumps([kind, {"graphJSON": graph, "weightsJSON": []}]).encode()


def forum() -> Graph:
    """Ana opens a topic, Ben answers, Ana likes that and mentions Cho, of whom nothing is known."""
    g = Graph()

    def d(*parts: str) -> tuple[str, ...]:
        return ("discourse", *parts)

    ana, ben, system = (
        g.node(*d("user", SERVER, name), text=f"discourse/[@{name}]({SERVER}/u/{name}/)")
        for name in ("ana", "ben", "system")
    )
    cho = g.address(*d("user", SERVER, "cho"))
    topic = g.node(*d("topic", SERVER, "7"), ms=START, text=f"[Cats [and] dogs]({SERVER}/t/7)")
    first = g.node(*d("post", SERVER, "100"), ms=START + 65, text=f"[#1 on Cats]({SERVER}/t/7/1)")
    second = g.node(*d("post", SERVER, "101"), ms=START + 5_000)
    third = g.node(*d("post", SERVER, "102"), ms=START + 9_000)
    like = g.node(*d("like", SERVER, "ana", "101"), ms=START + 6_000)
    g.edge(ana, topic, START, *d("authors", "topic", SERVER, "ana", "7"))
    for author, post in ((ana, first), (ben, second), (ana, third)):
        g.edge(author, post, START, *d("authors", "post", SERVER, str(author), str(post)))
        g.edge(topic, post, START, *d("topicContainsPost", SERVER, "7", str(post)))
    g.edge(second, first, START, *d("replyTo", SERVER, "101", "100"))
    g.edge(third, second, START, *d("replyTo", SERVER, "102", "101"))
    g.edge(ana, like, START + 6_000, *d("createsLike", SERVER, "ana", "101"))
    g.edge(like, second, START + 6_000, *d("likes", SERVER, "ana", "101"))
    g.edge(topic, second, START, *d("topicHasLikedPost", SERVER, "7", "101"))
    g.edge(third, cho, START + 9_000, *d("references", "user", SERVER, "102", "cho"))
    g.edge(third, first, START + 9_000, *d("references", "post", SERVER, "102", "100"))
    assert system is not None
    return g
