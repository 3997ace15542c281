"""Drives CMake and Ninja; what is compiled, and how, is in CMakeLists.txt."""

import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent


class CMakeBuild(build_ext):
    """Configures, builds and installs to the path that setuptools expects."""

    def run(self) -> None:
        """Build every target of CMakeLists.txt; a second run compiles only changes."""
        build = ROOT / "build" / f"cmake-{sys.implementation.cache_tag}"
        prefix = ROOT if self.inplace else Path(self.build_lib).resolve()
        # Set again each time: the paths of an earlier isolated build no longer exist.
        tools = [f"-DPython_EXECUTABLE={sys.executable}"]
        if ninja := shutil.which("ninja"):
            tools.append(f"-DCMAKE_MAKE_PROGRAM={ninja}")
        self._cmake("-S", ROOT, "-B", build, "-G", "Ninja", *tools)
        self._cmake("--build", build)
        self._cmake("--install", build, "--prefix", prefix)

    def _cmake(self, *arguments: "str | Path") -> None:
        try:
            subprocess.run(["cmake", *map(str, arguments)], check=True)
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            raise SystemExit(
                f"alignops: compiling failed ({error}); the reason is in the lines above. "
                "It takes a C++20 compiler (g++ 11, clang 14 or later), CMake and Ninja."
            ) from None


setup(ext_modules=[Extension("alignops._C", sources=[])], cmdclass={"build_ext": CMakeBuild})
