"""What the repository says about itself is true: links, generated pages, pins, reasons, the commands it names."""

import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import keyferry
from keyferry.errors import TITLES

ROOT = Path(__file__).parent.parent
NOT_OURS = {".bench", ".oidc", ".git", ".interop", ".venv", "build", "dist", "__pycache__"}
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
REQUIREMENTS = {path.stem: path.read_text() for path in (ROOT / "requirements").glob("*.txt")}

# Hosts that packages come from, in two parts so that this file does not name them either.
REGISTRIES = [
    ".".join(parts)
    for parts in [
        ("pypi", "org"),
        ("files", "pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("deb", "debian", "org"),
        ("archive", "ubuntu", "com"),
    ]
]


def our_files() -> Iterator[tuple[Path, str]]:
    """Every text file of the checkout, without what tools leave behind (all of that is in folders with a dot)."""
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in NOT_OURS and (name == ".ci" or not name.startswith("."))]
        for name in files:
            path = Path(folder, name)
            try:
                yield path.relative_to(ROOT), path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


def pins(name: str) -> dict[str, str]:
    """Package to version, as requirements/NAME.txt pins them."""
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[[a-z,]+\])?==(\S+)", REQUIREMENTS[name], re.MULTILINE))


def normal(requirement: str) -> str:
    return re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0].lower().replace("_", "-").replace(".", "-")


# documentation


def test_every_error_code_is_documented_with_its_title_and_no_other() -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (.+) \|$", (ROOT / "docs" / "errors.md").read_text(), re.MULTILINE)
    assert dict(rows) == TITLES, "run `make docs`"
    assert len(rows) == len(TITLES)


def test_the_changelog_tells_of_the_current_version() -> None:
    assert f"\n## [{keyferry.__version__}] - " in (ROOT / "CHANGELOG.md").read_text()


def test_every_link_between_pages_leads_somewhere() -> None:
    links = [
        (page, target)
        for page, text in our_files()
        if page.suffix == ".md"
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
        if "://" not in target
    ]
    assert (Path("README.md"), "docs/threat-model.md") in links
    broken = [f"{page}: {target}" for page, target in links if not (ROOT / page.parent / target).exists()]
    assert broken == []


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_has_its_four_headings_and_says_something_under_each(page: Path) -> None:
    title, *sections = re.split(r"^##? ", page.read_text(), flags=re.MULTILINE)[1:]
    assert title.startswith(f"{page.name[:4]}. ")
    headings = [section.partition("\n")[0] for section in sections]
    assert headings == ["Context", "Options", "Decision", "What it costs"]
    assert all(len(section.split()) > 20 for section in sections)


def test_decisions_are_numbered_without_gaps() -> None:
    assert [page.name[:4] for page in DECISIONS] == [f"{number:04}" for number in range(1, len(DECISIONS) + 1)]


# commands


def test_make_alone_lists_every_target_that_the_pages_name() -> None:
    listed = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True)
    targets = set(re.findall(r"^  make ([a-z]+) ", listed.stdout, re.MULTILINE))
    named = {
        target
        for page in ("README.md", "CONTRIBUTING.md")
        for target in re.findall(r"^make ([a-z]+)", (ROOT / page).read_text(), re.MULTILINE)
    }
    assert named >= {"demo", "test", "lint"}
    assert named <= targets


def test_continuous_integration_runs_what_the_pages_say() -> None:
    run = (ROOT / ".ci" / "run").read_text()
    assert "for target in lint test interop demo; do" in run
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


# what is installed


@pytest.mark.parametrize("name", sorted(REQUIREMENTS))
def test_every_requirement_is_pinned_to_one_version_with_hashes(name: str) -> None:
    lines = REQUIREMENTS[name].replace("\\\n", "").splitlines()
    requirements = [line for line in lines if line and not line.lstrip().startswith("#")]
    assert requirements
    loose = [line.split()[0] for line in requirements if "==" not in line or "--hash=sha256:" not in line]
    assert loose == []


def test_the_three_lists_of_requirements_agree() -> None:
    everything = pins("dev")
    assert pins("runtime").items() <= everything.items()
    assert pins("build").items() <= everything.items()


def test_the_azure_cli_is_locked_and_kept_out_of_the_product() -> None:
    assert "azure-cli" in pins("interop")
    assert "pykmip" in pins("bench")
    assert not {"azure-cli", "azure-cli-core"} & (pins("dev").keys() | pins("runtime").keys())


def test_every_dependency_of_the_package_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    locked = {normal(name) for name in pins("runtime")}
    assert {normal(each) for each in project["project"]["dependencies"]} <= locked
    build = {normal(each) for each in project["dependency-groups"]["build"] + project["build-system"]["requires"]}
    assert build <= {normal(name) for name in pins("build")}


# what does not belong


def test_no_file_names_a_registry_or_the_place_where_it_was_written() -> None:
    here = re.compile(rf"(?<![\w/.-]){re.escape(str(ROOT))}(?![\w-])")
    found = [
        f"{path}: {match}"
        for path, text in our_files()
        for match in [*(host for host in REGISTRIES if host in text), *here.findall(text)]
    ]
    assert found == []


def test_whatever_is_silenced_has_its_reason_beside_it() -> None:
    silenced = re.compile(
        r"#\s*(?:ruff: )?noqa\b(?::\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)?|#\s*type: ignore(?:\[[\w, -]+\])?"
    )
    unexplained = [
        f"{path}:{number}"
        for path, text in our_files()
        if path.suffix == ".py" and path.name != Path(__file__).name
        for number, line in enumerate(text.splitlines(), 1)
        for match in silenced.finditer(line)
        if not re.search(r"\w{3,}", silenced.sub("", line[match.end() :]))
    ]
    assert unexplained == []


def test_every_rule_that_is_off_has_its_reason_beside_it() -> None:
    lint = (ROOT / "pyproject.toml").read_text().partition("[tool.ruff.lint]")[2].partition("[tool.ruff.lint.isort]")[0]
    rules = re.findall(r'^  "[A-Z]+\d*",(.*)$', lint, re.MULTILINE)
    assert len(rules) > 20
    assert [rest for rest in rules if not re.match(r"\s*# .{8,}", rest)] == []
