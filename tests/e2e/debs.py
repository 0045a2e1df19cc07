"""Unpacks Debian's mail servers below build/peers without installing them.

Debian's MTA packages exclude each other, so at most one of them can be installed; each is
therefore unpacked with dpkg -x into a small root of its own, together with the libraries that
ldd names.  A library comes from this machine where it is there already, else from its own
package.  The result is what a chroot needs below /usr, and is never written to again.

Rejected: one overlay file system over the machine's root (needs overlayfs and shows the servers
the machine's /etc), and LD_LIBRARY_PATH (each server cleans its environment on its own terms).
"""

import contextlib
import fcntl
import functools
import os
import pathlib
import re
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
STORE = ROOT / "build" / "peers"
RECIPE = 2  # to be raised when what _fill() makes changes


class Missing(Exception):
    """Something that Debian has is not to be had here; the message names the package."""


def need_tool(tool, package):
    """The path of a command, or Missing naming the Debian package that holds it."""
    path = shutil.which(tool)
    if path is None:
        raise Missing(f"{tool} not found: install the Debian package {package}")
    return path


def _run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise Missing(f"{' '.join(map(str, command))}: {done.stderr.strip() or done.stdout}")
    return done.stdout


def _installed(package):
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status}", package],
        capture_output=True, text=True, check=False,
    )
    return done.returncode == 0 and done.stdout.startswith("installed")


def _version(package):
    if _installed(package):
        return _run("dpkg-query", "-W", "-f", "${Version}", package)
    shown = subprocess.run(
        ["apt-cache", "policy", package], capture_output=True, text=True, check=False
    ).stdout
    found = re.search(r"Candidate: (\S+)", shown)
    if found is None or found.group(1) == "(none)":
        raise Missing(f"the Debian package {package} is neither installed nor known to apt; "
                      "run apt-get update")
    return found.group(1)


def _fetch(package):
    """The path of the package's .deb in the store, downloaded unless it is there already."""
    name = f"{package}_{_version(package).replace(':', '%3a')}_"
    debs = STORE / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    if not list(debs.glob(name + "*.deb")):
        try:
            _run("apt-get", "-o", "APT::Sandbox::User=root", "download", package, cwd=debs)
        except Missing as error:
            raise Missing(f"cannot download the Debian package {package}: {error}") from error
    return next(iter(debs.glob(name + "*.deb")))


def _copy_installed(package, root):
    """What dpkg -x would have unpacked, from the files of an installed package."""
    for line in _run("dpkg", "-L", package).splitlines():
        source = pathlib.Path(line)
        if source.is_file() and not line.startswith("/etc/"):
            _copy_file(source, root)


def _copy_file(source, root):
    """Copies a file to the same path below root, where /lib and /bin are below /usr."""
    path = str(source)
    if re.match(r"/(bin|sbin|lib|lib64)/", path):
        path = "/usr" + path
    target = root / path.lstrip("/")
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.realpath(source), target)


def _unpack(package, root):
    if _installed(package):
        _copy_installed(package, root)
        return
    _run("dpkg", "-x", _fetch(package), root)
    for top in ("bin", "sbin", "lib", "lib64"):
        old = root / top
        if old.is_dir() and not old.is_symlink():
            shutil.copytree(old, root / "usr" / top, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(old)


def _elf_files(root):
    for path in (root / "usr").rglob("*"):
        if path.is_file() and not path.is_symlink():
            with open(path, "rb") as file:
                if file.read(4) == b"\x7fELF":
                    yield path


def _libraries(root):
    """Copies in the libraries that the machine has; returns the names of those it has not."""
    own = {path.parent for path in _elf_files(root) if ".so" in path.name}
    environment = dict(os.environ, LD_LIBRARY_PATH=":".join(str(folder) for folder in own))
    missing = set()
    for elf in list(_elf_files(root)):
        listing = subprocess.run(
            ["ldd", elf], capture_output=True, text=True, check=False, env=environment
        ).stdout
        for line in listing.splitlines():
            found = re.match(r"\s*(?:(\S+) => )?(/\S+|not found)", line)
            if found is None:
                continue
            if found.group(2) == "not found":
                missing.add(found.group(1))
            elif not found.group(2).startswith(str(root)):
                _copy_file(pathlib.Path(found.group(2)), root)
    return missing


def _dependencies(package):
    shown = _run("apt-cache", "depends", "--no-recommends", "--no-suggests", "--no-conflicts",
                 "--no-breaks", "--no-replaces", "--no-enhances", package)
    return re.findall(r"Depends: (lib\S+)", shown)


def _fill(root, packages):
    for package in packages:
        _unpack(package, root)
    # Servers run their helpers by a shell.
    _copy_file(pathlib.Path(need_tool("sh", "dash")), root)
    seen, level = set(packages), list(packages)
    while missing := _libraries(root):
        wanted = {name for package in level for name in _dependencies(package)}
        level = [name for name in sorted(wanted - seen) if not _installed(name)]
        seen.update(level)
        if not level:
            raise Missing(f"no Debian package found for {', '.join(sorted(missing))}, "
                          f"which {packages[0]} needs")
        for package in level:
            _unpack(package, root)


@contextlib.contextmanager
def _locked(name):
    STORE.mkdir(parents=True, exist_ok=True)
    with open(STORE / f"{name}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@functools.lru_cache(maxsize=None)
def unpacked(name, packages):
    """The root below which the packages lie with all that they need, made on first use.

    The name of the directory carries the package's version and that of this recipe, so that a new
    one of either makes a new directory; two runs at once wait for each other here, nowhere else.
    """
    need_tool("dpkg-query", "dpkg")
    need_tool("ldd", "libc-bin")
    root = STORE / name / f"root-{_version(packages[0])}-{RECIPE}"
    with _locked(name):
        if not root.exists():
            unfinished = root.with_name("unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            _fill(unfinished, packages)
            unfinished.rename(root)
    return root
