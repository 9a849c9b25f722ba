"""SourceCred graphs: who wrote, answered, mentioned and liked what in a Discourse forum."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sources.files import all_existing, json_of, streams
from sources.parse import show
from sources.reader import BaseReader, Item, NotJson, Place, Read, SourceError
from sources.records import ActionRecord, MemberRecord, PostRecord, Record
from sources.sourcecred_mapping import SourceCredMapping
from sources.times import since_1970

_EXPECTED: Final = (
    "a graph of SourceCred (output/graphs/…/graph.json, also gzipped), or a folder or archive of "
    "them"
)
_SUFFIXES: Final = (".json", ".json.gzip")
#: A graph is read whole; beyond that it is something else.
MAX_FILE_BYTES: Final = 200_000_000
_TITLE: Final = re.compile(r"\[(.*)\]\(\S*\)", re.DOTALL)
_POSTS: Final = ("post", "topic")


@dataclass(frozen=True, slots=True)
class _Joins:
    """What a kind of edge tells, and the kinds of nodes it may join."""

    tells: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]


#: By the kind of edge; one that is not here is unmapped.
_EDGES: Final[Mapping[str, _Joins]] = {
    "authors/post": _Joins("author", ("user",), ("post",)),
    "authors/topic": _Joins("author", ("user",), ("topic",)),
    "topicContainsPost": _Joins("topic", ("topic",), ("post",)),
    "replyTo": _Joins("parent", ("post",), ("post",)),
    "createsLike": _Joins("liker", ("user",), ("like",)),
    "topicHasLikedPost": _Joins("skipped_derived", ("topic",), ("post",)),
    # Early graphs join a member to the post, later ones a like to it.
    "likes": _Joins("like", ("like", "user"), _POSTS),
    "references/user": _Joins("mention", _POSTS, ("user",)),
    "references/post": _Joins("link", _POSTS, ("post",)),
    "references/topic": _Joins("link", _POSTS, ("topic",)),
}
_DEEDS: Final = frozenset({"like", "mention", "link"})
#: Those who are nobody in every Discourse forum.
_BOTS: Final = frozenset({"system", "discobot"})
_NODES: Final = ("user", "topic", "post", "like")
_SHOWN: Final = 30


@dataclass(slots=True)
class _Edge:
    """An edge of the forum: what it tells, the nodes it joins, and its time."""

    place: Place
    tells: str
    source: int
    target: int
    time: datetime | None


@dataclass(slots=True)
class _Graph:
    """The nodes and edges of one forum, by the position of a node's address.

    ``nodes`` are the kind and the id (a username, a number) of what belongs to the forum, whether
    or not the graph describes it: of a member who was only ever mentioned it has the address.
    """

    file: str
    nodes: dict[int, tuple[str, str]] = field(default_factory=dict)
    times: dict[int, datetime | None] = field(default_factory=dict)
    titles: dict[int, str] = field(default_factory=dict)
    author: dict[int, int] = field(default_factory=dict)
    topic: dict[int, int] = field(default_factory=dict)
    parent: dict[int, int] = field(default_factory=dict)
    liker: dict[int, int] = field(default_factory=dict)
    opener: dict[int, int] = field(default_factory=dict)
    deeds: list[_Edge] = field(default_factory=list)

    def id(self, node: int | None) -> str | None:
        """What the forum calls a member or a post; a topic goes by the post that opens it.

        None for what is no node of the forum.
        """
        if node is None or node not in self.nodes:
            return None
        kind, name = self.nodes[node]
        if kind != "topic":
            return name
        return self.id(self.opener[node]) if node in self.opener else f"topic-{name}"

    def find_openers(self) -> None:
        """A topic's first post is its opener, if it is by the topic's author."""
        posts: defaultdict[int, list[tuple[datetime, int, int]]] = defaultdict(list)
        for post, topic in self.topic.items():
            time = self.times.get(post)
            if time is not None:
                number = self.nodes[post][1]
                posts[topic].append((time, int(number) if number.isdecimal() else 0, post))
        for topic, found in posts.items():
            first = min(found)[2]
            if self.author.get(topic) in (None, self.author.get(first)):
                self.opener[topic] = first


class SourceCredReader(BaseReader):
    """Members, posts, then likes and mentions, graph by graph.

    A graph tells titles and no texts. A member's id is the username; posts have Discourse's own
    numbers. A topic is the post that opens it; where that is not in the graph, the topic stands
    for it. Of several forums in a graph the one with the most nodes is read, what belongs to the
    others and to other plugins (GitHub, Discord, …) is counted as unmapped. Each graph is
    held whole while it is read: some 5 kB an edge.
    """

    format = "sourcecred"

    def __init__(
        self, paths: Sequence[Path], mapping: SourceCredMapping, *, source: str, now: datetime
    ) -> None:
        self._paths = all_existing(paths, _EXPECTED)
        self._mapping = mapping
        super().__init__(source=source, now=now, settings=(mapping,))

    def _begin(self) -> None:
        super()._begin()
        self._likers: set[str] = set()
        self._liked: set[str] = set()
        self._written: dict[str, datetime] = {}
        self._alone: set[str] = set()
        self._answers: set[str] = set()
        self._server: tuple[str, str] | None = None
        self._checks.update(members=0, topics=0, posts=0, replies=0, mentions=0, likes=0)
        self._checks.update(likes_with_target_author=0, likes_later_than_post=0)

    @property
    def checks(self) -> Mapping[str, int]:
        """Of what was recorded: ``replies`` are the posts that answer a post.

        The first posts of topics are in ``posts``; topics without one are in ``topics`` only.
        """
        people = {"likers": len(self._likers), "authors_liked": len(self._liked)}
        return {**self._checks, **people}

    def _items(self) -> Iterator[Item | Read]:
        found, odd = False, ""
        for path in self._paths:
            for name, stream in streams(path, _SUFFIXES, _EXPECTED):
                try:
                    content = _graph_of(name, json_of(stream, MAX_FILE_BYTES, "a graph"))
                except NotJson as error:
                    odd = odd or f" ({name} {error})"
                    yield self._refuse_file(name, error)
                    continue
                if content is None:
                    self._account("files", "skipped_not_a_graph")
                    continue
                found = True
                self._account("files", "graph")
                yield from self._graph_items(name, content)
        if not found:
            names = ", ".join(map(str, self._paths))
            raise SourceError(f"{names}: holds no graph{odd}; expected {_EXPECTED}")

    def _server_of(self, name: str, addresses: Sequence[Any]) -> str:
        """The forum that a graph is about; SourceError if an earlier one is about another."""
        server = _main_server(addresses)
        if server:
            first, before = self._server = self._server or (name, server)
            if before != server:
                raise SourceError(
                    f"{name}: is about {server}, but {first} about {before}, and ids are unique "
                    "within a forum only; expected an import of its own with its own --source"
                )
        return server

    def _graph_items(self, name: str, content: Mapping[str, Any]) -> Iterator[Item | Read]:
        addresses, nodes, edges = (
            content[key] for key in ("sortedNodeAddresses", "nodes", "edges")
        )
        self.total = (self.total or 0) + len(nodes) + len(edges)
        server = self._server_of(name, addresses)
        graph = _Graph(name)
        for position, address in enumerate(addresses):
            kind, _ = _kind(address, server, _NODES)
            if kind is not None:
                graph.nodes[position] = (kind, address[-1])
        told = list(self._nodes(graph, addresses, nodes, server))
        for number, edge in enumerate(edges, 1):
            if (refused := self._edge(graph, edge, number, server)) is not None:
                yield refused
        graph.find_openers()
        for node, place in told:
            yield from self._node_items(graph, node, place)
            self.done += 1
        for deed in graph.deeds:
            yield from self._deed(graph, deed)
        self.done += len(nodes) - len(told) + len(edges)

    # Learning

    def _nodes(
        self, graph: _Graph, addresses: Sequence[Any], nodes: Sequence[Any], server: str
    ) -> Iterator[tuple[int, Place]]:
        """The nodes that are told; users come first, as members are recorded before their posts."""
        told: list[tuple[int, Place]] = []
        for number, node in enumerate(nodes, 1):
            index = node.get("index") if isinstance(node, dict) else None
            if not isinstance(index, int) or not 0 <= index < len(addresses):
                self._account("nodes", "unmapped_without_address")
                continue
            kind, outcome = _kind(addresses[index], server, _NODES)
            if kind is None:
                self._account("nodes", outcome)
                continue
            graph.times[index] = _moment(node.get("timestampMs"))
            if kind == "topic":
                title = _TITLE.fullmatch(str(node.get("description", "")))
                graph.titles[index] = title[1] if title else ""
            place = Place(graph.file, f"node {number} ({'/'.join(map(str, addresses[index]))})")
            told.append((index, place))
        yield from sorted(told, key=lambda one: graph.nodes[one[0]][0] != "user")

    def _edge(self, graph: _Graph, edge: object, number: int, server: str) -> Read | None:
        """Put what an edge tells into the graph; or refuse it."""
        place = Place(graph.file, f"edge {number}")
        value: Mapping[str, Any] = edge if isinstance(edge, dict) else {}
        kind, outcome = _kind(value.get("address"), server, None)
        if kind is None:
            self._account("edges", outcome)
            return None
        if kind in ("authors", "references"):
            kind = f"{kind}/{str(value['address'][3])[:_SHOWN]}"
        for name in ("srcIndex", "dstIndex"):
            index = value.get(name)
            if not isinstance(index, int) or index not in graph.nodes:
                message = f"is {show(index)}; expected the position of one of the forum's addresses"
                return self._refuse(place, "unknown_node", message, table="edges", field=name)
        joins = _EDGES.get(kind)
        if joins is None:
            self._account("edges", f"unmapped_{kind[:_SHOWN]}")
            return None
        for name, right in (("srcIndex", joins.sources), ("dstIndex", joins.targets)):
            found, _ = graph.nodes[value[name]]
            if found not in right:
                message = f"is {show(value[name])}, a {found}; expected a {' or a '.join(right)}"
                return self._refuse(place, "wrong_node", message, table="edges", field=name)
        time = _moment(value.get("timestampMs"))
        self._learn(graph, _Edge(place, joins.tells, value["srcIndex"], value["dstIndex"], time))
        return None

    def _learn(self, graph: _Graph, edge: _Edge) -> None:
        if edge.tells in _DEEDS:
            graph.deeds.append(edge)
            return
        self._account("edges", edge.tells)
        match edge.tells:
            case "author":
                graph.author[edge.target] = edge.source
            case "topic":
                graph.topic[edge.target] = edge.source
            case "parent":
                graph.parent[edge.source] = edge.target
            case "liker":
                graph.liker[edge.target] = edge.source

    # Telling

    def _node_items(self, graph: _Graph, node: int, place: Place) -> Iterator[Item]:
        kind, name = graph.nodes[node]
        match kind:
            case "user":
                role = "bot" if name in _BOTS else None
                value = self._record("member", id=name, name=self._name(name), role=role)
                yield Item(place, value, "nodes", "member")
            case "post":
                yield self._post(graph, node, place)
            case "topic" if node in graph.opener:
                self._account("nodes", "title")
            case "topic":
                yield self._post(graph, node, place)
            case _:
                # Its two edges say who liked what.
                self._account("nodes", "like")

    def _post(self, graph: _Graph, node: int, place: Place) -> Item:
        itself = graph.nodes[node][0] == "topic"
        topic = node if itself else graph.topic.get(node, -1)
        opens = itself or graph.opener.get(topic) == node
        root = graph.id(topic)
        parent = None if opens else graph.id(graph.parent.get(node)) or root
        word = self._mapping.topic if opens else self._mapping.reply
        # A topic is there a moment before the post that opens it: the two are one act.
        time = graph.times.get(topic if opens else node) or graph.times.get(node)
        value = self._record(
            "post",
            id=graph.id(node),
            venue=self._mapping.venue,
            type=word,
            author=graph.id(graph.author.get(node)),
            time=time,
            root=root,
            parent=parent,
            title=self._title(graph.titles.get(topic)) if opens else None,
        )
        if itself:
            self._alone.add(value["id"])
        elif node in graph.parent:
            self._answers.add(value["id"])
        if time is not None:
            self._written[value["id"]] = time
        return Item(place, value, "nodes", word)

    def _deed(self, graph: _Graph, edge: _Edge) -> Iterator[Item | Read]:
        deed = edge.tells
        verb = {
            "like": self._mapping.like,
            "mention": self._mapping.mention,
            "link": self._mapping.link,
        }[deed]
        if verb is None:
            self._account("edges", f"skipped_{deed}")
            return
        post, target = graph.id(edge.target), graph.id(graph.author.get(edge.target))
        if deed == "like":
            liker = graph.liker.get(edge.source)
            if graph.nodes[edge.source][0] == "user":
                liker = edge.source
            if liker is None:
                message = "is a like without a createsLike; expected one that says who liked"
                yield self._refuse(
                    edge.place, "without_liker", message, table="edges", field="srcIndex"
                )
                return
            actor = graph.id(liker)
            name = f"like-{post}-{actor}"
        else:
            actor = graph.id(graph.author.get(edge.source))
            name = f"{deed}-{graph.id(edge.source)}-{post}"
        if deed == "mention":
            post, target = None, post
        value = self._record(
            "action",
            id=name,
            venue=self._mapping.venue,
            verb=verb,
            actor=actor,
            post=post,
            target=target,
            time=edge.time,
        )
        yield Item(edge.place, value, "edges", deed)

    def _read(self, item: Item) -> Read:
        read = super()._read(item)
        match read.record:
            case ActionRecord() as action if item.outcome == "like":
                self._liking(action)
            case ActionRecord() if item.outcome == "mention":
                self._checks["mentions"] += 1
        return read

    def _liking(self, like: ActionRecord) -> None:
        self._checks["likes"] += 1
        self._likers.add(like.actor or "")
        if like.target is not None:
            self._checks["likes_with_target_author"] += 1
            self._liked.add(like.target)
        written = self._written.get(like.post or "")
        self._checks["likes_later_than_post"] += written is not None and written < like.time

    def _check(self, record: Record) -> None:
        match record:
            case MemberRecord():
                self._checks["members"] += 1
            case PostRecord():
                self._checks["topics"] += record.root == record.id
                self._checks["posts"] += record.id not in self._alone
                self._checks["replies"] += record.id in self._answers


def sourcecred(
    paths: Sequence[Path], mapping: SourceCredMapping, *, source: str, now: datetime
) -> SourceCredReader:
    """Read the graphs in files, folders and archives.

    Raises SourceError where a path does not exist or, on reading, where no graph is found.
    """
    return SourceCredReader(paths, mapping, source=source, now=now)


def _graph_of(name: str, content: object) -> Mapping[str, Any] | None:
    """The graph in a weighted graph, or by itself; None for another kind of file."""
    kind, value = _typed(content)
    if kind == "sourcecred/weightedGraph":
        kind, value = _typed(value.get("graphJSON"))
    if kind != "sourcecred/graph":
        return None
    for key in ("sortedNodeAddresses", "nodes", "edges"):
        if not isinstance(value.get(key), list):
            raise SourceError(
                f"{name}: the graph has no list {key}; expected a sourcecred/graph of version 0.5 "
                "or later"
            )
    return value


def _typed(content: object) -> tuple[object, Mapping[str, Any]]:
    """Every file of SourceCred is a pair: what it is, and that."""
    match content:
        case [{"type": kind}, dict() as value]:
            return kind, value
    return None, {}


def _main_server(addresses: Sequence[Any]) -> str:
    count: defaultdict[str, int] = defaultdict(int)
    for address in addresses:
        match address:
            case ["sourcecred", "discourse", str(), str() as server, *_]:
                count[server] += 1
    return max(count, key=lambda server: count[server], default="")


def _kind(address: object, server: str, known: tuple[str, ...] | None) -> tuple[str | None, str]:
    """What a node or edge of the forum at ``server`` is; or None, and how it is counted.

    ``known`` are the kinds of nodes. The server stands behind the kind, which has two parts for
    some edges.
    """
    match address:
        case ["sourcecred", "discourse", str() as kind, *rest] if all(
            isinstance(part, str) for part in rest
        ):
            if server not in rest[:2]:
                return None, "unmapped_another_forum"
            if known is not None and (kind not in known or len(rest) < 2):
                return None, f"unmapped_{kind[:_SHOWN]}"
            return kind, ""
        case [_, str() as plugin, str() as kind, *_]:
            return None, f"unmapped_{plugin[:_SHOWN]}_{kind[:_SHOWN]}".lower()
    return None, "unmapped_without_address"


def _moment(milliseconds: object) -> datetime | None:
    if not isinstance(milliseconds, int | float) or isinstance(milliseconds, bool):
        return None
    return since_1970(microseconds=int(milliseconds) * 1000)
