"""What breaks tomorrow: the tests on the newest versions, locks ignored. `python tests/outils/canari.py VENV [TESTS…]`.

The direct dependencies are freed of the bounds of pyproject.toml: all together, else one after the other, and those without
whose bounds nothing resolves are held and said. The environment VENV is made anew; the project's own is left alone. Exit
code: that of the tests.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

from packaging.requirements import Requirement

RACINE = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).with_name("uv")


def liberer(
    demandes: Sequence[Requirement], resoudre: Callable[[Sequence[str]], str]
) -> tuple[list[str], dict[str, str]]:
    """Requirements as free as they can be together, and why those still held are: name → the resolver's last line.

    `resoudre` takes requirements and gives why they do not resolve, "" when they do.
    """
    libres = [d.name + (f"[{','.join(sorted(d.extras))}]" if d.extras else "") for d in demandes]
    if not resoudre(libres):
        return libres, {}
    retenues, tenues = [str(d) for d in demandes], {}
    for rang, (demande, libre) in enumerate(zip(demandes, libres, strict=True)):
        raison = resoudre([*retenues[:rang], libre, *retenues[rang + 1 :]])
        if raison:
            tenues[demande.name] = raison
        else:
            retenues[rang] = libre
    return retenues, tenues


def _uv(*arguments: str, entree: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([UV, *arguments], input=entree, capture_output=True, text=True, check=False, cwd=RACINE)


def resoudre(demandes: Sequence[str]) -> str:
    """Ask uv, without any lock."""
    resultat = _uv("pip", "compile", "--quiet", "--no-header", "--no-annotate", "-", entree="\n".join(demandes))
    return "" if resultat.returncode == 0 else resultat.stderr.strip().replace("\n", " ")


def main(venv: str, tests: Sequence[str]) -> int:
    """Resolve, install, say, test."""
    projet = tomllib.loads((RACINE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    demandes = [*projet["dependencies"], *(d for e in projet["optional-dependencies"].values() for d in e)]
    libres, tenues = liberer([Requirement(d) for d in demandes], resoudre)
    for commande in (
        ("venv", "--clear", "--python", sys.executable, venv),
        ("pip", "install", "--python", venv, *libres),
        ("pip", "install", "--python", venv, "--no-deps", "--no-build-isolation", "--editable", "."),
    ):
        resultat = _uv(*commande)
        if resultat.returncode:
            sys.stderr.write(resultat.stderr)
            return resultat.returncode
    noms = {Requirement(d).name for d in demandes}
    for ligne in _uv("pip", "freeze", "--python", venv).stdout.splitlines():
        if ligne.split("==")[0] in noms:
            print(ligne)
    for nom, raison in tenues.items():
        print(f"Tenu, car rien ne se résout sans sa borne : {nom} — {raison}")
    sys.stdout.flush()
    python = RACINE / venv / "bin" / "python"
    return subprocess.run([python, "-m", "pytest", *tests], check=False, cwd=RACINE).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
