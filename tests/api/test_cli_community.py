"""Reports, members and refreshing on the command line, on a small community."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.api.command_line import fails, ikusei, told, works

pytestmark = pytest.mark.slow


def test_the_tiers_add_up_to_the_population(filled: str) -> None:
    report = told("report", "tiers", database_url=filled)
    assert (report["report"], report["as_of"], report["archive"]) == ("tiers", "2026-11-20", False)
    counts = {row["status"]: row["count"] for row in report["rows"] if row["count"]}
    assert counts == {"contributor": 1, "supporter": 1, "newcomer": 1, "member": 3}
    totals = report["totals"]
    assert totals["population"] == totals["count"] == 6
    assert (totals["staff"], totals["bots"], totals["unplaced"]) == (1, 1, 0)
    assert sum(row["share"] for row in report["rows"]) == pytest.approx(1, abs=1e-5)
    for row in report["rows"]:
        assert row["net"] == row["moved_in"] - row["moved_out"] == row["change"]
        assert row["count"] == row["before"] + row["change"]
        assert row["joined"] <= row["moved_in"]
    # Only Eri came within the period; who came back to life moved from dormant.
    assert totals["joined"] == totals["change"] == 1


def test_the_tiers_of_a_day_in_the_past(filled: str) -> None:
    report = told("report", "tiers", "--as-of", "2026-06-15", "--period", "7", database_url=filled)
    assert report["as_of"] == "2026-06-15"
    assert report["period"] == {"days": 7, "first": "2026-06-09", "last": "2026-06-15"}
    counts = {row["status"]: row["count"] for row in report["rows"] if row["count"]}
    assert counts == {"newcomer": 3}
    nobody = told("report", "tiers", "--as-of", "2020-01-01", database_url=filled)
    assert nobody["totals"]["population"] == 0


def test_the_tiers_as_table_and_as_csv(filled: str) -> None:
    table = works("report", "tiers", database_url=filled)
    assert "contributor 貢献" in table
    assert "1  staff" in table
    text = works("report", "tiers", "--format", "csv", database_url=filled)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 7
    assert sum(int(row["count"]) for row in rows) == 6
    assert {row["as_of"] for row in rows} == {"2026-11-20"}
    same = ikusei("report", "tiers", "--format", "json", database_url=filled)
    assert same.stdout == ikusei("report", "tiers", "--json", database_url=filled).stdout


def test_an_archive_is_shown_as_of_the_day_after_its_newest_action(filled: str) -> None:
    later = "2028-01-01T00:00:00Z"
    done = ikusei("report", "tiers", "--json", database_url=filled, clock=later)
    assert '"as_of": "2026-11-15"' in done.stdout
    assert '"archive": true' in done.stdout
    assert "this is an archive, shown as of 2026-11-15" in done.stderr
    asked = ikusei("report", "tiers", "--as-of", "2028-01-01", database_url=filled, clock=later)
    assert "dormant 休眠 6 100.0%" in " ".join(asked.stdout.split())
    assert asked.stderr == ""
    member = ikusei("member", "Ana", database_url=filled, clock=later)
    assert "Contributor 貢献 since 2026-11-14, as of 2026-11-15" in member.stdout
    assert "this is an archive" in member.stderr


def test_an_empty_community_has_reports_too(url: str) -> None:
    report = told("report", "tiers", database_url=url)
    assert report["totals"]["population"] == 0
    assert {row["share"] for row in report["rows"]} == {0.0}
    assert told("report", "data-health", database_url=url)["totals"]["actions"] == 0


def test_the_health_of_the_data(filled: str) -> None:
    report = told("report", "data-health", database_url=filled)
    counts = {(row["concern"], row["subject"]): row["count"] for row in report["rows"]}
    assert counts["unclassified", "lab.poke"] == counts["unclassified", None] == 1
    assert counts["waiting_posts", None] == counts["waiting_reactions", None] == 1
    assert counts["pending_refolds", None] == 0
    assert report["totals"]["newest_day"] == "2026-11-14"
    assert report["totals"]["actions"] == 22
    table = works("report", "data-health", database_url=filled)
    assert "lab.poke" in table
    assert works("report", "data-health", "--format", "csv", database_url=filled).count("\n") >= 12


def test_days_that_make_no_sense(filled: str) -> None:
    for command in (("report", "tiers"), ("member", "Ana")):
        run = (*command, "--as-of")
        fails(ikusei(*run, "2026-11-21", database_url=filled), "yet to come; today is 2026-11-20")
        fails(ikusei(*run, "yesterday", database_url=filled), "expected a day such as 2026-11-20")
        fails(ikusei(*run, "1969-12-31", database_url=filled), "from 1970-01-01 on")


def test_a_member_is_explained(filled: str) -> None:
    text = works("member", "Ana", database_url=filled)
    assert "Ana (site m1; joined 2026-06-01)" in text
    assert "Contributor 貢献 since 2026-11-14, as of 2026-11-20, by the rules default" in text
    assert (
        "contribution        12      12        0  met; 4 people (3 needed) and 4 days (2 needed)"
        in text
    )
    assert "either 0 people (3 needed) or 0 days (3 needed)" in text
    assert "Next:     nothing higher; 10.8 points in the window keep it." in text
    assert "12 contribution points in the last 90 days, 12 needed" in text
    assert "dormant -> member by what they did or received" in text
    assert "2026-11-14  member -> contributor by what they did or received" in text
    assert ", from Ben" in text


def test_a_member_is_explained_in_japanese(filled: str) -> None:
    text = works("member", "Ana", "--lang", "ja", database_url=filled)
    assert "Ana (site m1、2026-06-01入会)" in text
    assert "「貢献」(2026-11-14から)、2026-11-20現在、判定ルール: default" in text
    assert "到達。相手4人(必要3人)と行動日数4日(必要2日)" in text
    assert "理由:  2026年11月14日から「貢献」: 直近90日間の貢献度は12点(必要12点)。" in text
    assert "次へ:  これより上はない。期間内に10.8点あれば維持。" in text
    assert "2026-11-14  「一般」 -> 「貢献」(本人の行動または受けた反応による)" in text
    assert "、Benから" in text
    text = works("member", "m2", "--lang", "ja", database_url=filled)
    assert "次へ:  「好意」になるには、90日間で好意度があと6点必要。" in text


def test_a_member_by_id_as_json(filled: str) -> None:
    found = told("member", "m2", database_url=filled)
    assert found["member"]["accounts"] == [{"source": "site", "id": "m2"}]
    standing = found["standing"]
    assert (standing["status"], standing["since"]) == ("supporter", "2026-11-14")
    support = next(one for one in standing["indices"] if one["index"] == "support")
    assert (support["points"], support["enter"], support["missing"], support["met"]) == (
        12,
        10,
        0,
        True,
    )
    assert standing["because"][0]["code"] == "points"
    assert standing["next"]["status"] == "fan"
    assert standing["next"]["missing"] == 6
    assert found["history"][0] == {
        "day": "2026-11-14",
        "from": "member",
        "to": "supporter",
        "cause": "action",
    }
    assert {action["verb"] for action in found["given"]} == {"vote_up"}
    assert len(found["given"]) == 10


@pytest.mark.parametrize("who", ["m1", "m2", "m3"])
def test_where_points_come_from_adds_up(filled: str, tmp_path: Path, who: str) -> None:
    total: dict[str, str | int] = {"kind": "counter", "source": "site", "member": who}
    total |= {"venue": "qa", "verb": "vote_up", "direction": "given", "value": 40}
    total |= {"as_of": "2026-11-19T00:00:00Z"}
    file = tmp_path / "totals.ndjson"
    file.write_text(json.dumps(total) + "\n")
    told("import", "ndjson", str(file), database_url=filled)
    found = told("member", who, database_url=filled)
    for one in found["standing"]["indices"]:
        parts = [part["points"] for part in found["points_from"] if part["index"] == one["index"]]
        assert sum(parts) == one["points"]
    votes = next(part for part in found["points_from"] if part["verb"] == "vote_up")
    assert votes["count"] == 40
    assert votes["from_totals"] == (28 if who == "m2" else 40)
    assert votes["points"] < 40
    text = works("member", who, database_url=filled)
    assert f"x {votes['label']}, on " in text
    assert "(at most 10 a day count)" in text
    assert "known only as a total" in text


def test_a_member_in_the_past(filled: str) -> None:
    found = told("member", "m2", "--as-of", "2026-11-12", database_url=filled)
    assert found["standing"]["status"] == "member"
    assert {action["day"] for action in found["given"]} == {"2026-11-11", "2026-11-12"}
    first = found["history"][-1]
    assert (first["day"], first["from"], first["to"]) == ("2026-06-02", None, "newcomer")
    text = works("member", "m5", "--as-of", "2026-11-09", database_url=filled)
    assert "Was not here yet on 2026-11-09." in text


def test_staff_have_no_standing(filled: str) -> None:
    found = told("member", "Dai", database_url=filled)
    assert (found["standing"], found["history"]) == (None, [])
    text = works("member", "Dai", database_url=filled)
    assert "Role: staff; only members have a standing." in text
    assert "lab.poke (not in the rules)" in text


def test_who_is_meant(filled: str) -> None:
    fails(ikusei("member", "ERI", database_url=filled), "eri (site m4)", "Eri (site m5)")
    assert told("member", "Eri", database_url=filled)["member"]["name"] == "Eri"
    assert told("member", "ana", database_url=filled)["member"]["name"] == "Ana"
    assert told("member", "文", database_url=filled)["member"]["name"] == "文"
    assert told("member", "m1", "--source", "site", database_url=filled)["member"]["name"] == "Ana"
    near = ikusei("member", "Anna", database_url=filled)
    fails(near, "nobody has the name or id 'Anna'; near it are:", "Ana (site m1)")
    fails(ikusei("member", "m", database_url=filled), "nobody", "Ana (site m1)")
    fails(ikusei("member", "m1", "--source", "other", database_url=filled), "nobody in other")
    fails(ikusei("member", "%", database_url=filled), "nobody has the name or id '%'")


def test_refresh_does_what_is_due_and_then_nothing(filled: str) -> None:
    later = "2027-02-20T12:00:00Z"
    first = told("refresh", database_url=filled, clock=later)
    assert first["members"] >= 6
    assert told("refresh", database_url=filled, clock=later)["members"] == 0
    report = told("report", "tiers", "--as-of", "2027-02-20", database_url=filled, clock=later)
    counts = {row["status"]: row["count"] for row in report["rows"] if row["count"]}
    assert counts == {"dormant": 6}
    assert "Members looked at: 0" in works("refresh", database_url=filled, clock=later)
