"""What the comparison needs: packages of the distribution, our clients in C, and the limit in Rust."""

import json
import os
import pathlib
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
TARGET = HERE.parent.parent / "target" / "peers"
# A file of each package.
PACKAGES = {
    "gcc": "/usr/bin/gcc",
    "libc6-dev": "/usr/include/stdio.h",
    "libnghttp2-dev": "/usr/include/nghttp2/nghttp2.h",
    "libpq-dev": "/usr/include/postgresql/libpq-fe.h",
    "postgresql-15": "/usr/lib/postgresql/15/bin/pgbench",
    "etcd-server": "/usr/bin/etcd",
    "redis-server": "/usr/bin/redis-server",
    "redis-tools": "/usr/bin/redis-benchmark",
    "slapd": "/usr/sbin/slapd",
}
LIBRARIES = {"h2": ["-lnghttp2"], "ldap": [], "batches": ["-I/usr/include/postgresql", "-lpq"], "append": []}


def install():
    """Installs the packages that are missing. Packages start no server of their own: the comparison does."""
    missing = [name for name, file in PACKAGES.items() if not pathlib.Path(file).exists()]
    if not missing:
        return
    if os.getuid() != 0:
        raise SystemExit(f"missing packages, run this as root or install them: {' '.join(missing)}")
    print(f"installing {' '.join(missing)}", flush=True)
    policy = pathlib.Path("/usr/sbin/policy-rc.d")
    made = not policy.exists()
    if made:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
        subprocess.run(command, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"}, check=True)
    finally:
        if made:
            policy.unlink()


def client(name):
    """The path of a client in C, compiled if its source has changed."""
    source, program = HERE / "clients" / f"{name}.c", TARGET / name
    newest = max(source.stat().st_mtime, (HERE / "clients" / "common.h").stat().st_mtime)
    if not program.exists() or program.stat().st_mtime < newest:
        TARGET.mkdir(parents=True, exist_ok=True)
        subprocess.run(["gcc", "-O2", "-o", program, source, *LIBRARIES[name]], check=True)
    return program


def limit():
    """The path of the program of plain tonic, built with the versions that its lock file names."""
    folder = TARGET / "limit"
    command = ["cargo", "build", "--release", "--locked", "--quiet", "--target-dir", folder]
    if shutil.which("cargo") is None:
        raise SystemExit("the limit of tonic is built by cargo: install Rust")
    subprocess.run(command, cwd=HERE / "limit", check=True)
    return folder / "release" / "limit"


class Failed(SystemExit):
    """A reply was no success; the text has the first reason."""


def run(name, *arguments):
    """Runs a client in C, and returns what it measured. Every reply must be a success."""
    ran = subprocess.run([client(name), *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    if ran.returncode != 0:
        raise Failed(f"{name} {arguments} failed")
    measured = json.loads(ran.stdout)
    if measured["failed"]:
        raise Failed(f"{name} {arguments}: {measured['failed']} failed: {measured['first_failure']}")
    return measured
