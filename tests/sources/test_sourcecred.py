"""SourceCred graphs: topics, replies, likes and mentions of a forum; the rest is counted."""

from __future__ import annotations

import gzip
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sources.reader import SourceError
from sources.sourcecred import SourceCredReader, sourcecred
from sources.sourcecred_mapping import load_sourcecred
from tests.sources.exports import NOW, Told, records
from tests.sources.graphs import SERVER, START, Graph, forum


def opened(*paths: Path, mapping: Path | None = None) -> SourceCredReader:
    return sourcecred(paths, load_sourcecred(mapping), source="forum", now=NOW)


def told(place: Path, graph: Graph, mapping: Path | None = None) -> Told:
    (place / "graph.json").write_bytes(graph.written())
    return Told(opened(place / "graph.json", mapping=mapping))


def test_a_forum(tmp_path: Path) -> None:
    found = told(tmp_path, forum())
    assert {id: member.role for id, member in found.members.items()} == {
        "ana": None,
        "ben": None,
        "system": "bot",
    }
    first, second, third = (found.posts[id] for id in ("100", "101", "102"))
    assert (first.type, first.title, first.root, first.parent) == (
        "topic",
        "Cats [and] dogs",
        "100",
        None,
    )
    assert first.time == datetime(2020, 12, 9, 22, 5, 33, 171_000, tzinfo=UTC)
    assert (second.type, second.author, second.parent, second.title) == (
        "reply",
        "ben",
        "100",
        None,
    )
    assert (third.parent, third.root) == ("101", "100")
    like = found.actions["like-101-ana"]
    assert (like.verb, like.actor, like.post, like.target) == ("like", "ana", "101", "ben")
    mention = found.actions["mention-102-cho"]
    assert (mention.actor, mention.target, mention.post) == ("ana", "cho", None)


def test_every_node_and_edge_is_accounted_for(tmp_path: Path) -> None:
    found = told(tmp_path, forum())
    assert found.checks == {
        "members": 3,
        "topics": 1,
        "posts": 3,
        "replies": 2,
        "mentions": 1,
        "likes": 1,
        "likes_with_target_author": 1,
        "likes_later_than_post": 1,
        "likers": 1,
        "authors_liked": 1,
    }
    assert found.rows == {
        "files": {"graph": 1},
        "nodes": {"member": 3, "title": 1, "topic": 1, "reply": 2, "like": 1},
        "edges": {
            "author": 4,
            "topic": 3,
            "parent": 2,
            "liker": 1,
            "like": 1,
            "skipped_derived": 1,
            "mention": 1,
            "skipped_link": 1,
        },
    }


def test_what_is_not_known_is_counted_not_dropped(tmp_path: Path) -> None:
    g = forum()
    issue = g.node("github", "ISSUE", "owner", "1", ms=START)
    g.node("discourse", "badge", SERVER, "1", ms=START)
    other = g.node("discourse", "user", "https://other.example.org", "zoe")
    g.edge(other, issue, START, "github", "AUTHORS", "x")
    g.edge(0, 1, START, "discourse", "follows", SERVER, "ana", "ben")
    g.edge(0, 999, START, "discourse", "replyTo", SERVER, "1", "2")
    g.nodes.append({"index": -1})
    found = told(tmp_path, g)
    unmapped = {
        table: {name: n for name, n in rows.items() if "unmapped" in name}
        for table, rows in found.rows.items()
    }
    assert unmapped["nodes"] == {
        "unmapped_github_issue": 1,
        "unmapped_badge": 1,
        "unmapped_another_forum": 1,
        "unmapped_without_address": 1,
    }
    assert unmapped["edges"] == {"unmapped_github_authors": 1, "unmapped_follows": 1}
    assert found.faults == [
        (
            f"graph.json, edge {len(g.edges)}",
            "dstIndex",
            "is 999; expected the position of one of the forum's addresses",
        )
    ]


def test_a_topic_whose_first_post_is_gone_stands_for_it(tmp_path: Path) -> None:
    g = forum()
    first = g.address("discourse", "post", SERVER, "100")
    g.nodes = [node for node in g.nodes if node["index"] != first]
    g.edges = [edge for edge in g.edges if first not in (edge["srcIndex"], edge["dstIndex"])]
    found = told(tmp_path, g)
    assert found.posts["topic-7"].author == "ana"
    assert found.posts["topic-7"].title == "Cats [and] dogs"
    assert (found.posts["101"].type, found.posts["101"].parent) == ("reply", "topic-7")


def test_a_post_outside_of_every_topic_is_a_reply(tmp_path: Path) -> None:
    g = forum()
    g.node("discourse", "post", SERVER, "200", ms=START)
    stray = told(tmp_path, g).posts["200"]
    assert (stray.type, stray.root, stray.parent, stray.title) == ("reply", None, None, None)


def test_likes_of_early_graphs_have_no_node(tmp_path: Path) -> None:
    g = forum()
    ben, post = (
        g.address("discourse", *p) for p in (("user", SERVER, "ben"), ("post", SERVER, "102"))
    )
    g.edge(ben, post, START + 9_500, "discourse", "likes", SERVER, "ben", "102")
    like = told(tmp_path, g).actions["like-102-ben"]
    assert (like.actor, like.target) == ("ben", "ana")


def test_who_likes_and_writes_is_a_member(tmp_path: Path) -> None:
    g = forum()
    nodes = {
        name: g.address("discourse", kind, SERVER, *rest)
        for name, kind, *rest in [
            ("ben", "user", "ben"),
            ("post", "post", "102"),
            ("topic", "topic", "7"),
        ]
    }
    like = g.node("discourse", "like", SERVER, "eve", "102", ms=START + 7_000)
    before = len(g.edges)
    for source, target, kind in [
        (like, nodes["post"], "likes"),
        (nodes["topic"], nodes["post"], "authors/post"),
        (nodes["post"], nodes["ben"], "replyTo"),
    ]:
        g.edge(source, target, START + 7_000, "discourse", *kind.split("/"), SERVER, "x")
    found = told(tmp_path, g)
    edges = [f"graph.json, edge {before + n}" for n in (1, 2, 3)]
    assert sorted(found.faults) == [
        (edges[0], "srcIndex", "is a like without a createsLike; expected one that says who liked"),
        (edges[1], "srcIndex", f"is {nodes['topic']}, a topic; expected a user"),
        (edges[2], "dstIndex", f"is {nodes['ben']}, a user; expected a post"),
    ]
    assert found.posts["102"].author == "ana"
    assert sum(found.rows["edges"].values()) == len(g.edges)


def test_sums_are_of_what_was_recorded(tmp_path: Path) -> None:
    g = forum()
    second = g.address("discourse", "post", SERVER, "101")
    for node in g.nodes:
        if node["index"] == second:
            node["timestampMs"] = None
    found = told(tmp_path, g)
    assert [field for _, field, _ in found.faults] == ["time"]
    checks = {name: found.checks[name] for name in ("topics", "posts", "replies")}
    assert checks == {"topics": 1, "posts": 2, "replies": 1}


def test_graphs_of_two_forums_are_not_mixed_up(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(forum().written())
    elsewhere = forum().written().replace(SERVER.encode(), b"https://other.example.org")
    (tmp_path / "b.json").write_bytes(elsewhere)
    wrong = rf"b\.json: is about https://other\.example\.org, but a\.json about {SERVER}"
    with pytest.raises(SourceError, match=wrong):
        list(opened(tmp_path).records())


def test_a_file_that_is_no_graph_does_not_cost_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{oops")
    (tmp_path / "b.json").write_bytes(forum().written())
    found = Told(opened(tmp_path))
    assert len(found.posts) == 3
    assert [place for place, _, _ in found.faults] == ["a.json, the whole file"]
    assert found.rows["files"] == {"graph": 1, "rejected": 1}


def test_the_order_of_nodes_and_edges_does_not_matter(tmp_path: Path) -> None:
    g = forum()
    expected = records(told(tmp_path, g).reads)
    random.Random(5).shuffle(g.edges)
    random.Random(6).shuffle(g.nodes)
    assert records(told(tmp_path, g).reads) == expected


def test_graphs_lie_in_folders_gzipped_and_plain(tmp_path: Path) -> None:
    one = tmp_path / "output" / "graphs" / "discourse"
    one.mkdir(parents=True)
    (one / "graph.json.gzip").write_bytes(gzip.compress(forum().written(weighted=False)))
    (tmp_path / "ledger.json").write_text("[]")
    found = Told(opened(tmp_path))
    assert len(found.posts) == 3
    assert found.rows["files"] == {"graph": 1, "skipped_not_a_graph": 1}


def test_a_mapping_changes_words_and_takes_links(tmp_path: Path) -> None:
    mapping = tmp_path / "mine.toml"
    mapping.write_text(
        'format = "sourcecred"\n[posts]\nvenue = "qa"\ntopic = "question"\nreply = "answer"\n'
        '[verbs]\nlink = "link"\nmention = false\n'
    )
    found = told(tmp_path, forum(), mapping)
    assert found.posts["101"].type == "answer"
    link = found.actions["link-102-100"]
    assert (link.venue, link.actor, link.post, link.target) == ("qa", "ana", "100", "ana")
    assert found.rows["edges"]["skipped_mention"] == 1


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"{}", "holds no graph; expected a graph of SourceCred"),
        (b"{oops", r"holds no graph \(graph\.json is not JSON: .*\); expected a graph"),
        (gzip.compress(forum().written(), mtime=0)[:-20], "breaks off"),
        (b'[{"type":"sourcecred/graph"},{"nodes":[],"edges":[]}]', "no list sortedNodeAddresses"),
    ],
)
def test_what_is_no_graph_is_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "graph.json"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=complaint):
        list(opened(path).records())
    with pytest.raises(SourceError, match="no such file"):
        opened(tmp_path / "absent.json")
