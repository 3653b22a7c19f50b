"""The server under attack: started, watched and stopped as an operator would."""
import os
import pathlib
import resource
import signal
import subprocess
import time

# The limit for the whole process with little memory, in bytes.
LIMITED_BYTES = 700 * 1024 * 1024
# The usual limit of open files.
DESCRIPTORS = 1_024


class Server:
    """A running server. `tls` is its certificate, if any; its log goes to a file, or to `log`."""

    def __init__(self, program, data, *, tls=None, token=None, arguments=(), limited=False, log=None):
        self.tls, self.token, self.program, self.data = tls and tls[0], token, program, data
        command = [program, "serve", "--listen", "127.0.0.1:0", "--data", str(data), *arguments]
        if tls:
            command += ["--tls-cert", tls[0], "--tls-key", tls[1]]
        self.log = open(pathlib.Path(data).with_suffix(".log"), "ab")
        self.group = Group.make() if limited else None
        def before():
            usual_descriptors(hard=DESCRIPTORS if limited else None)
            if self.group:
                self.group.join()
            elif limited:
                limit_address_space()

        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log or self.log, preexec_fn=before, text=True
        )
        for line in self.process.stdout:
            if line.startswith("listening on "):
                self.authority = line.split("//")[-1].strip()
                self.host, port = self.authority.rsplit(":", 1)
                self.port = int(port)
                return
        raise SystemExit(f"{program} did not start, see {self.log.name}")

    @property
    def pid(self):
        return self.process.pid

    def resident(self):
        """The current memory of the process, in bytes."""
        return self.status("VmRSS")

    def status(self, key):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith(key))
        return int(line.split()[1]) * 1024

    def forget_peak(self):
        """Resets the peak of memory."""
        pathlib.Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def peak(self):
        """The peak of memory since the last reset, in bytes."""
        return self.status("VmHWM")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def is_running(self):
        return self.process.poll() is None

    def stop(self, within):
        """Stops the server and returns how long that took. Ends the test if it takes too long."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"still running {within} s after SIGTERM") from None
        finally:
            self.log.close()
            if self.group:
                self.group.remove()
        assert self.process.returncode == 0, f"ended with {self.process.returncode} after SIGTERM"
        return time.monotonic() - begun

    def kill(self):
        if self.is_running():
            self.process.kill()
            self.process.wait()


def usual_descriptors(hard):
    """Sets the usual soft limit. With `hard` the server cannot raise it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, hard or most))


def limit_address_space():
    """Without control groups: limits the address space, of which threads reserve more than they use."""
    room = LIMITED_BYTES * 4
    resource.setrlimit(resource.RLIMIT_AS, (room, room))


class Group:
    """A control group, of either version, that kills the server if it exceeds its memory limit."""

    ROOT = pathlib.Path("/sys/fs/cgroup")

    def __init__(self, path):
        self.path = path

    @classmethod
    def make(cls):
        """Creates a group, or returns None if this machine does not allow it."""
        name = f"memberbase-{os.getpid()}-{time.monotonic_ns()}"
        for root, limit in ((cls.ROOT, "memory.max"), (cls.ROOT / "memory", "memory.limit_in_bytes")):
            path = root / name
            try:
                control = root / "cgroup.subtree_control"
                if control.exists() and "memory" not in control.read_text():
                    control.write_text("+memory")
                path.mkdir()
                # Without mounted control groups this is an ordinary folder, and writing would create an
                # ordinary file.
                if not (path / limit).exists():
                    raise OSError(f"no {limit} here")
                (path / limit).write_text(str(LIMITED_BYTES))
            except OSError:
                if path.exists():
                    path.rmdir()
                continue
            return cls(path)
        return None

    def join(self):
        (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def remove(self):
        """Removes the group; the kernel needs a moment after the last process has ended."""
        for _ in range(50):
            try:
                self.path.rmdir()
                return
            except OSError:
                time.sleep(0.1)
