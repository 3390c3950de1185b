"""Builds the wheel (PEP 517): the package and, within it, libkvcache_c, which CMake builds.

It is ours because the library is built once for all versions of Python: the wheel is tagged py3-none-PLATFORM, which back ends for
extension modules do not make, and because it needs nothing that Debian's Python has not.

    pip install ./bindings/python
    pip install ./bindings/python --config-settings library=build/release/libkvcache_c.so     one that is built already
    pip install ./bindings/python --config-settings cmake=-DCMAKE_CXX_COMPILER=clang++        arguments for CMake

Made again, a wheel has the same bytes: names are sorted, times are SOURCE_DATE_EPOCH or 1980.
"""

import base64
import hashlib
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
import zipfile

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NAME = "kvcache"
SOURCE_PARTS = ("CMakeLists.txt", "VERSION", "LICENSE", "cmake", "include", "src")


def _root():
    """The sources of the library: two folders up, or in a source distribution beside this one."""
    for root in (os.path.dirname(os.path.dirname(HERE)), os.path.join(HERE, "library")):
        if os.path.isfile(os.path.join(root, "include", "kvcache", "kvcache_c.h")):
            return root
    raise SystemExit("kvcache: the sources of libkvcache are not beside this package; use a clone of the repository, or a wheel")


def _version():
    with open(os.path.join(_root(), "VERSION"), encoding="ascii") as file:
        return file.readline().strip()


def _metadata():
    with open(os.path.join(HERE, "README.md"), encoding="utf-8") as file:
        description = file.read()
    head = f"""Metadata-Version: 2.1
Name: {NAME}
Version: {_version()}
Summary: Prompt-cache files of mlx-lm, mlx-swift-lm and mlxrs: inspect, verify, convert, edit
License: Apache-2.0
Classifier: License :: OSI Approved :: Apache Software License
Classifier: Operating System :: MacOS
Classifier: Operating System :: POSIX :: Linux
Classifier: Programming Language :: Python :: 3
Classifier: Typing :: Typed
Requires-Python: >=3.9
Provides-Extra: arrays
Requires-Dist: numpy; extra == "arrays"
Provides-Extra: mlx
Requires-Dist: mlx-lm; extra == "mlx"
Description-Content-Type: text/markdown

"""
    return (head + description).encode()


def _platform():
    """Of the machine that the library is built for. Linux wheels name the oldest glibc that has all symbols that it wants (PEP 600)."""
    return re.sub(r"[^A-Za-z0-9]", "_", sysconfig.get_platform())


def _glibc_wanted(library):
    """The newest version of glibc's symbols in a library, from its dynamic section; None without a tool that shows it."""
    tool = shutil.which("objdump")
    if tool is None:
        return None
    shown = subprocess.run([tool, "-T", library], stdout=subprocess.PIPE, universal_newlines=True, check=True).stdout
    versions = [tuple(map(int, v.split("."))) for v in re.findall(r"\(?GLIBC_([0-9.]+)\)?", shown)]
    return max(versions) if versions else None


def _needed(library):
    tool = shutil.which("objdump")
    if tool is None:
        return None
    shown = subprocess.run([tool, "-p", library], stdout=subprocess.PIPE, universal_newlines=True, check=True).stdout
    return re.findall(r"^\s+NEEDED\s+(\S+)$", shown, re.MULTILINE)


# What every Linux with that glibc has (PEP 600's list, as far as we may want it).
COMMON = re.compile(r"(libc|libm|libpthread|libdl|librt|libz|ld-linux-x86-64|ld-linux-aarch64|ld-linux)\.so\.\d+$")


def _tag(library):
    if not sys.platform.startswith("linux"):
        return f"py3-none-{_platform()}"
    glibc, needed = _glibc_wanted(library), _needed(library)
    if glibc is None or needed is None or not all(COMMON.match(name) for name in needed):
        return f"py3-none-{_platform()}"
    # Never older than what it was built and tried with says; manylinux_2_17 is the oldest that installers know.
    major, minor = max(glibc, (2, 17))
    return f"py3-none-manylinux_{major}_{minor}_{platform.machine()}"


def _setting(settings, name):
    value = (settings or {}).get(name, [])
    return [value] if isinstance(value, str) else list(value)


def _build_library(settings):
    given = _setting(settings, "library") or [p for p in [os.environ.get("KVCACHE_BUILD_LIBRARY")] if p]
    if given:
        path = os.path.realpath(os.path.join(os.environ.get("PWD", os.getcwd()), given[-1]))
        if not os.path.isfile(path):
            raise SystemExit(f"kvcache: there is no library {path}")
        return path
    if shutil.which("cmake") is None:
        raise SystemExit("kvcache: building the library needs CMake 3.25 and g++ 12 or clang 14; scripts/setup installs what is needed")
    build = os.path.join(HERE, "build", "library")
    ninja = ["-G", "Ninja"] if shutil.which("ninja") else []
    ccache = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    options = ["TOOL=OFF", "TESTS=OFF", "INSTALL=OFF", "CAPI=ON", "STATIC_RUNTIME=ON", "WERROR=OFF"]
    subprocess.run(["cmake", "-S", _root(), "-B", build, "-DCMAKE_BUILD_TYPE=Release", *ninja, *ccache,
                    *(f"-DKVCACHE_{option}" for option in options), *_setting(settings, "cmake")], check=True)
    subprocess.run(["cmake", "--build", build, "--target", "kvcache_c_shared", "--parallel", str(os.cpu_count() or 1)], check=True)
    name = "libkvcache_c.dylib" if sys.platform == "darwin" else "libkvcache_c.so"
    return os.path.realpath(os.path.join(build, name))


def _stripped(library):
    """Without symbols that only debuggers want."""
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "library")
        shutil.copyfile(library, copy)
        tool = shutil.which("strip")
        if tool is not None:
            subprocess.run([tool, *(["-x"] if sys.platform == "darwin" else ["--strip-unneeded"]), copy], check=True)
        with open(copy, "rb") as file:
            return file.read()


def _package_files():
    """Of the package: path in the wheel, and bytes."""
    folder = os.path.join(HERE, "src", NAME)
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if f != "__pycache__")
        for name in sorted(names):
            if name.endswith((".py", ".pyi")) or name == "py.typed":
                path = os.path.join(parent, name)
                with open(path, "rb") as file:
                    yield os.path.relpath(path, os.path.dirname(folder)).replace(os.sep, "/"), file.read()


def _license():
    with open(os.path.join(_root(), "LICENSE"), "rb") as file:
        return file.read()


def _write_wheel(path, files):
    """With its RECORD, last as installers want it."""
    moment = max(int(os.environ.get("SOURCE_DATE_EPOCH", "315532800")), 315532800)
    date = time.gmtime(moment)[:6]
    record = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        def add(name, data, mode=0o644):
            info = zipfile.ZipInfo(name, date)
            info.external_attr = (0o100000 | mode) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            wheel.writestr(info, data)
        for name, data, mode in files:
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{name},sha256={digest},{len(data)}")
            add(name, data, mode)
        info = f"{NAME}-{_version()}.dist-info/RECORD"
        add(info, ("\n".join([*record, f"{info},,"]) + "\n").encode())


def _wheel_metadata(tag):
    return f"Wheel-Version: 1.0\nGenerator: kvcache_build\nRoot-Is-Purelib: false\nTag: {tag}\n".encode()


# ---- The hooks of PEP 517 and PEP 660

def get_requires_for_build_wheel(config_settings=None):
    return []


get_requires_for_build_editable = get_requires_for_build_sdist = get_requires_for_build_wheel


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    name = f"{NAME}-{_version()}.dist-info"
    os.makedirs(os.path.join(metadata_directory, name))
    with open(os.path.join(metadata_directory, name, "METADATA"), "wb") as file:
        file.write(_metadata())
    return name


prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    library = _build_library(config_settings)
    tag = _tag(library)
    info = f"{NAME}-{_version()}.dist-info"
    shared = "libkvcache_c.dylib" if sys.platform == "darwin" else "libkvcache_c.so"
    files = [(name, data, 0o644) for name, data in _package_files()]
    files.append((f"{NAME}/{shared}", _stripped(library), 0o755))
    files.sort()
    files += [(f"{info}/LICENSE", _license(), 0o644), (f"{info}/METADATA", _metadata(), 0o644),
              (f"{info}/WHEEL", _wheel_metadata(tag), 0o644)]
    name = f"{NAME}-{_version()}-{tag}.whl"
    _write_wheel(os.path.join(wheel_directory, name), files)
    return name


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    """The package where it is, with the library copied beside it."""
    library = _build_library(config_settings)
    shared = "libkvcache_c.dylib" if sys.platform == "darwin" else "libkvcache_c.so"
    with open(os.path.join(HERE, "src", NAME, shared), "wb") as file:
        file.write(_stripped(library))
    tag, info = _tag(library), f"{NAME}-{_version()}.dist-info"
    name = f"{NAME}-{_version()}-{tag}.whl"
    _write_wheel(os.path.join(wheel_directory, name),
                 [(f"{NAME}.pth", os.path.join(HERE, "src").encode() + b"\n", 0o644),
                  (f"{info}/METADATA", _metadata(), 0o644), (f"{info}/WHEEL", _wheel_metadata(tag), 0o644)])
    return name


def build_sdist(sdist_directory, config_settings=None):
    """With the sources of the library in `library`."""
    base = f"{NAME}-{_version()}"
    moment = max(int(os.environ.get("SOURCE_DATE_EPOCH", "315532800")), 315532800)

    def plain(info):
        if os.path.basename(info.name) in ("__pycache__", "build") or info.name.endswith((".pyc", ".so", ".dylib")):
            return None
        info.uid = info.gid = 0
        info.uname = info.gname = ""
        info.mtime = moment
        return info

    path = os.path.join(sdist_directory, base + ".tar.gz")
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for name in ("README.md", "build_backend", "pyproject.toml", "src"):
            archive.add(os.path.join(HERE, name), f"{base}/{name}", filter=plain)
        for name in SOURCE_PARTS:
            if os.path.exists(os.path.join(_root(), name)):
                archive.add(os.path.join(_root(), name), f"{base}/library/{name}", filter=plain)
        info = tarfile.TarInfo(f"{base}/PKG-INFO")
        info.size, info.mtime = len(_metadata()), moment
        archive.addfile(info, io.BytesIO(_metadata()))
    return os.path.basename(path)
