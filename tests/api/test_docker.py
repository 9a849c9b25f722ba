"""Dockerfile and compose.yaml: no engine is needed to run every command that they run.

What is installed is the wheel, run outside of the repository, as an account that owns nothing, with
the variables that the two files set.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml

from tests.api.command_line import HOUSE
from tests.api.own_server import PASSWORD, OwnServer, own_server

Service = dict[str, Any]

_ACCOUNT: Final = 10_001
_LIBRARIES: Final = sysconfig.get_path("purelib")
_VARIABLE: Final = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def instructions() -> Iterator[tuple[str, str]]:
    """The instructions of the Dockerfile, lines joined, comments left out."""
    text = (HOUSE / "Dockerfile").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.partition(" ")
            yield word, " ".join(rest.split())


def sent(to: Path) -> Path:
    """A copy of what .dockerignore lets be sent to the engine: all names but these are left out."""
    lines = (HOUSE / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert (rules[0], rules[-1]) == ("*", "**/__pycache__")
    to.mkdir()
    for rule in rules[1:-1]:
        assert re.fullmatch(r"!\w[\w.]*", rule)
        source = HOUSE / rule[1:]
        if source.is_dir():
            shutil.copytree(source, to / source.name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, to)
    return to


def last_stage() -> dict[str, list[str]]:
    stage: dict[str, list[str]] = {}
    for word, rest in instructions():
        if word == "FROM":
            stage = {}
        stage.setdefault(word, []).append(rest)
    return stage


def compose() -> dict[str, Service]:
    """The services of compose.yaml, with the variables of an .env that holds only the password."""
    given = {"IKUSEI_DATABASE_PASSWORD": PASSWORD}

    def value(match: re.Match[str]) -> str:
        name, kind, rest = match.groups()
        if name in given:
            return given[name]
        assert kind == "-", f"{name} must be set by whoever runs it"
        return str(rest)

    text = (HOUSE / "compose.yaml").read_text(encoding="utf-8")
    services: dict[str, Service] = yaml.safe_load(_VARIABLE.sub(value, text))["services"]
    return services


def variables_of_image() -> dict[str, str]:
    found = dict(re.findall(r"(\w+)=(\S+)", " ".join(last_stage()["ENV"])))
    found.pop("PATH")
    return found


def test_the_image_is_what_it_should_be() -> None:
    stage = last_stage()
    assert stage["USER"] == [f"{_ACCOUNT}:{_ACCOUNT}"]
    assert stage["STOPSIGNAL"] == ["SIGTERM"]
    assert json.loads(stage["ENTRYPOINT"][0]) == ["ikusei"]
    assert json.loads(stage["CMD"][0]) == ["serve"]
    # Nothing is built or fetched in it.
    assert not re.search(r"\b(pip|apt|apt-get|gcc|curl|wget)\b", " ".join(stage["RUN"]))
    assert [line for line in stage["COPY"] if "--from=build" not in line] == []
    assert variables_of_image()["IKUSEI_LOG_FORMAT"] == "json"
    assert variables_of_image()["IKUSEI_HOST"] == "0.0.0.0"
    bases = [rest for word, rest in instructions() if word == "FROM"]
    assert len(bases) == 2
    assert all(base.startswith("python:${PYTHON}") for base in bases)
    runs = " ".join(rest for word, rest in instructions() if word == "RUN")
    installs = re.findall(r"pip install (\S+)", runs)
    assert installs == ["--require-hashes", "--require-hashes", "--no-deps"]


def test_what_is_sent_to_the_engine_is_what_the_wheel_needs() -> None:
    lines = (HOUSE / ".dockerignore").read_text(encoding="utf-8").split()
    assert "*" in lines
    kept = {line[1:] for line in lines if line.startswith("!")}
    assert all((HOUSE / name).exists() for name in kept)
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert kept >= {*packages, "pyproject.toml", "README.md", "requirements"}
    assert "store" in kept and "tests" not in kept and ".env" not in kept


def test_what_is_copied_and_installed_is_there(tmp_path: Path) -> None:
    context = sent(tmp_path / "build")
    copied = [rest.split() for word, rest in instructions() if word == "COPY"]
    sources = [name for words in copied if words[0] != "--from=build" for name in words[:-1]]
    assert sources == ["requirements/", "."]
    assert all((context / name).exists() for name in sources)
    runs = " ".join(rest for word, rest in instructions() if word == "RUN")
    files = set(re.findall(r"--requirement \"?(requirements/\S+\.txt)", runs))
    assert files == {"requirements/${REQUIREMENTS}.txt", "requirements/build.txt"}
    for name in ("run", "otel", "build"):
        text = (context / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
        wanted = re.findall(
            r"^[\w.-]+(?:\[[\w,-]+\])?==\S+.*(?:\n +--hash=sha256:\w{64}.*)*", text, re.MULTILINE
        )
        assert wanted
        assert all("--hash=sha256:" in one for one in wanted)


def test_the_services_are_bounded_and_hold_no_secret() -> None:
    services = compose()
    assert set(services) == {"database", "migrate", "service", "worker"}
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "healthcheck" in service or name == "service"
        after = service.get("depends_on", {})
        if name != "database":
            assert after["database"]["condition"] == "service_healthy"
        if name in {"service", "worker"}:
            assert after["migrate"]["condition"] == "service_completed_successfully"
    assert [name for name, one in services.items() if "ports" in one] == ["service"]
    assert PASSWORD not in (HOUSE / "compose.yaml").read_text(encoding="utf-8")
    ignored = subprocess.run(
        ["git", "check-ignore", ".env"], check=False, capture_output=True, cwd=HOUSE
    )
    assert ignored.returncode == 0


@dataclass(frozen=True)
class Image:
    """What stands for the image: an installed wheel, and an account."""

    place: Path
    python: str
    account: int | None

    def environment(self, service: Service, url: str) -> dict[str, str]:
        """That of a container, but for what is elsewhere here: the database, the data, the port."""
        given = {name: str(value) for name, value in service["environment"].items()}
        assert given["IKUSEI_DATABASE_URL"] == f"postgresql://ikusei:{PASSWORD}@database/ikusei"
        return {
            "PATH": os.environ["PATH"],
            **variables_of_image(),
            **given,
            "IKUSEI_DATABASE_URL": url,
            "IKUSEI_DATA_DIR": str(self.place / "data"),
            "IKUSEI_PORT": "0",
            "PYTHONPATH": f"{self.place / 'installed'}:{_LIBRARIES}",
        }

    def options(self) -> dict[str, Any]:
        more = {} if self.account is None else {"user": self.account, "group": self.account}
        return {"cwd": self.place / "data", **more}

    def command(self, service: Service) -> list[str]:
        entry = json.loads(last_stage()["ENTRYPOINT"][0])
        script = (self.place / "installed" / "bin" / entry[0]).read_text(encoding="utf-8")
        assert "from api.cli import main" in script
        return [self.python, "-c", "from api.cli import main; main()", *service["command"]]

    def run(self, service: Service, url: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(service),
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
            env=self.environment(service, url),
            **self.options(),
        )


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    with tempfile.TemporaryDirectory(prefix="ikusei-image-") as directory:
        place = Path(directory)
        place.chmod(0o755)
        # As it stands in the file, from what is sent to the engine; but for where programs are.
        (run,) = (rest for word, rest in instructions() if word == "RUN" and "hatchling" in rest)
        for there, here in (
            ("/opt/build/bin/hatchling", f"{sys.executable} -m hatchling"),
            (
                "/opt/ikusei/bin/pip install",
                f"{sys.executable} -m pip install --quiet --target ../installed",
            ),
        ):
            assert run.count(there) == 1
            run = run.replace(there, here)
        subprocess.run(
            ["sh", "-euc", run], check=True, capture_output=True, cwd=sent(place / "build")
        )
        (place / "data").mkdir(mode=0o700)
        yield Image(place, *_other_account(place / "data"))


def _other_account(data: Path) -> tuple[str, int | None]:
    """A Python and the account of the image, where we may become it and it may run one."""
    # Our own may lie where only we may go.
    system = f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}"
    for python in (sys.executable, system) if os.getuid() == 0 else ():
        with suppress(OSError, subprocess.CalledProcessError):
            subprocess.run(
                [python, "-c", "import uvicorn"],
                check=True,
                capture_output=True,
                user=_ACCOUNT,
                group=_ACCOUNT,
                env={"PYTHONPATH": _LIBRARIES},
            )
            os.chown(data, _ACCOUNT, _ACCOUNT)
            return python, _ACCOUNT
    return sys.executable, None


@asynccontextmanager
async def started(
    image: Image, service: Service, url: str, says: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A service that has said something; it must end well on the image's signal."""
    process = await asyncio.create_subprocess_exec(
        *image.command(service),
        stderr=asyncio.subprocess.PIPE,
        env=image.environment(service, url),
        **image.options(),
    )
    assert process.stderr is not None
    said = ""
    try:
        async with asyncio.timeout(120):
            while says not in said:
                line = await process.stderr.readline()
                assert line, said
                said += line.decode()
            yield process, said
            process.send_signal(signal.Signals[last_stage()["STOPSIGNAL"][0]])
            said += (await process.stderr.read()).decode()
            assert await process.wait() == 0, said
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


@pytest.mark.slow
async def test_every_command_works(image: Image, data_dir: Path):
    services = compose()
    async with own_server(data_dir) as server:
        url = await server.create("ikusei")
        _database_is_healthy(services["database"], server)
        early = await asyncio.to_thread(image.run, services["service"], url)
        assert early.returncode == 1
        assert "run `ikusei migrate`" in early.stderr
        migrated = await asyncio.to_thread(image.run, services["migrate"], url)
        assert migrated.returncode == 0, migrated.stderr
        async with (
            started(image, services["worker"], url, "working"),
            started(image, services["service"], url, "Ctrl-C") as (_, said),
        ):
            (port,) = re.findall(r"http://127\.0\.0\.1:(\d+)/ready", said)
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                assert (await client.get("/ready")).json() == {"ready": True}
                sdl = await client.get("/schema.graphql")
                there = image.place / "installed" / "schema" / "schema.graphql"
                assert sdl.text == there.read_text(encoding="utf-8")
                assert (await client.get("/widget.js")).text.startswith("// @ts-check")
            assert await asyncio.to_thread(_is_healthy, image, port) == 0
        assert await asyncio.to_thread(_is_healthy, image, port) != 0
    # Nothing was written but what belongs there.
    assert list((image.place / "data").iterdir()) == []


def _is_healthy(image: Image, port: str) -> int:
    _, _, command = last_stage()["HEALTHCHECK"][0].partition("CMD ")
    program, *arguments = json.loads(command)
    assert program == "python"
    environment = {**variables_of_image(), "IKUSEI_PORT": port, "PATH": os.environ["PATH"]}
    return subprocess.run(
        [image.python, *arguments],
        check=False,
        capture_output=True,
        env=environment,
        **image.options(),
    ).returncode


def _database_is_healthy(service: Service, server: OwnServer) -> None:
    kind, program, *arguments = service["healthcheck"]["test"]
    assert kind == "CMD"
    done = subprocess.run(
        [server.programs / program, *arguments, "--host=127.0.0.1", f"--port={server.port}"],
        check=False,
    )
    assert done.returncode == 0
