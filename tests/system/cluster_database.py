"""One PostgreSQL, for cluster.py."""
import functools
import os
import shutil
import signal
import subprocess

from cluster_parts import BINARIES, WORK, as_database_user, free_port, undo, until


class Database:
    """One server of PostgreSQL on the loopback. As root, its tables are on a disk of their own, which can be filled;
    its log is not, because a database whose log finds no room is down."""

    def __init__(self):
        self.port, self.disk = free_port(), None
        self.folder = WORK / "database"
        self.log = open(WORK / "database.log", "ab")
        if os.geteuid() == 0:
            self.mount()
        made = as_database_user(
            str(BINARIES / "initdb"), "-D", str(self.folder), "-U", "memberbase", "-A", "trust", "-E", "UTF8", "--locale=C",
            "--waldir", str(WORK / "database-log"),
        )
        subprocess.run(made, check=True, stdout=self.log, stderr=self.log, cwd="/")
        self.start()
        undo.callback(self.kill)

    def mount(self):
        image, self.disk = WORK / "disk.img", WORK / "disk"
        self.disk.mkdir()
        run = functools.partial(subprocess.run, check=True, stdout=subprocess.DEVNULL)
        run(["truncate", "-s", "1G", str(image)])
        run(["mkfs.ext4", "-q", "-m", "0", str(image)])
        run(["mount", "-o", "loop", str(image), str(self.disk)])
        undo.callback(run, ["umount", "--lazy", str(self.disk)])
        shutil.chown(self.disk, "postgres")
        self.folder = self.disk / "database"

    def fill(self):
        """Leaves no room for tables to grow."""
        with open(self.disk / "filler", "wb") as filler:
            at, size = 0, 1 << 30
            while size >= 4096:
                try:
                    os.posix_fallocate(filler.fileno(), at, size)
                    at += size
                except OSError:
                    size //= 2

    def free(self):
        (self.disk / "filler").unlink()

    def start(self):
        settings = {
            "listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": "", "max_connections": 60,
            "synchronous_commit": "on", "shared_buffers": "32MB",
        }
        settings = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        started = as_database_user(str(BINARIES / "postgres"), "-D", str(self.folder), *settings)
        # A group of its own, so that one signal reaches all its processes.
        self.process = subprocess.Popen(started, stdout=self.log, stderr=self.log, cwd="/", start_new_session=True)
        ready = [str(BINARIES / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        until(lambda: self.process.poll() is None and subprocess.run(ready).returncode == 0, "the database does not start")

    def kill(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    @property
    def url(self):
        return f"postgres://memberbase@127.0.0.1:{self.port}/postgres?target_session_attrs=read-write"
