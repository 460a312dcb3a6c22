"""What a submission's container files come to: start, health, build context, compose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from graders.expect import Unmet
from graders.running.containers import compose
from graders.running.containers.context import Context, copy_context, hidden, reads_app
from graders.running.containers.dockerfile import read
from graders.running.containers.files import Files
from graders.running.containers.starting import missing_program

Folder = Callable[..., Files]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Makes the container files of a submission out of texts."""

    def make(**texts: str) -> Files:
        for name, text in texts.items():
            path = tmp_path / {"dockerignore": ".dockerignore", "compose": "compose.yaml"}.get(name, name)
            path.write_text(text, encoding="utf-8")
        return Files(tmp_path, tmp_path)

    return make


# --- start and health ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "end",
    [
        'CMD ["uvicorn", "app.main:app", "--host", "0.0.0.0"]',
        'CMD ["uvicorn", "app.main:app", "--host=0.0.0.0"]',
        'CMD ["uvicorn", "app.main:app", "--host", "::"]',
        'ENV UVICORN_HOST=0.0.0.0\nCMD ["uvicorn", "app.main:app"]',
        'ENV HOST=0.0.0.0\nCMD ["python", "-m", "app"]',
        'CMD ["sh", "-c", "exec uvicorn app.main:app --host 0.0.0.0 --port $PORT"]',
        'ENV HOST=0.0.0.0\nCMD ["sh", "-c", "exec uvicorn app.main:app --host $HOST"]',
        'CMD ["sh", "-c", "exec uvicorn app.main:app --host ${HOST:-0.0.0.0}"]',
        'ENTRYPOINT ["uvicorn", "app.main:app"]\nCMD ["--host", "0.0.0.0"]',
        'CMD ["gunicorn", "app.main:app", "-b", "0.0.0.0:8000"]',
        'CMD ["fastapi", "run", "app/main.py"]',
        'CMD ["env", "HOST=0.0.0.0", "python", "-m", "app"]',
        'CMD ["sh", "-c", "HOST=0.0.0.0 exec python -m app"]',
        """CMD ["python", "-c", "import uvicorn; uvicorn.run('app.main:app', host='0.0.0.0', port=8000)"]""",
    ],
)
def test_a_start_that_binds_everywhere(folder: Folder, end: str) -> None:
    """Arguments, the environment and the habit of `fastapi run` all bind to every address."""
    files = folder(Dockerfile=f"FROM python:3.12\n{end}")

    assert files.start.shell_form is None
    assert files.start.binds_everywhere(files.dockerfile.env)


@pytest.mark.parametrize(
    "end",
    [
        'CMD ["uvicorn", "app.main:app"]',
        'ENV HOST=0.0.0.0\nCMD ["uvicorn", "app.main:app"]',
        'ENV HOST=0.0.0.0\nCMD ["python", "-m", "uvicorn", "app.main:app"]',
        'CMD ["python", "-m", "app"]',
        'CMD ["uvicorn", "app.main:app", "--host", "127.0.0.1"]',
        'CMD ["fastapi", "run", "--host", "127.0.0.1"]',
        'CMD ["env", "HOST=0.0.0.0", "uvicorn", "app.main:app"]',
        """CMD ["python", "-c", "import uvicorn; uvicorn.run('app.main:app', host='127.0.0.1')"]""",
    ],
)
def test_a_start_that_does_not(folder: Folder, end: str) -> None:
    """uvicorn's own command line reads no HOST."""
    files = folder(Dockerfile=f"FROM python:3.12\n{end}")

    assert not files.start.binds_everywhere(files.dockerfile.env)


def test_the_words_of_a_script_count(folder: Folder) -> None:
    """A script of the submission's own is looked into."""
    text = 'FROM python:3.12\nCOPY start.sh /usr/bin/\nCMD ["start.sh"]'
    files = folder(**{"Dockerfile": text, "start.sh": "#!/bin/sh\nexec uvicorn app.main:app --host 0.0.0.0\n"})

    assert files.start.binds_everywhere({})


def test_an_entrypoint_forgets_an_inherited_cmd(folder: Folder) -> None:
    """The CMD of a stage that is built upon does not outlive a new ENTRYPOINT."""
    text = 'FROM python:3.12 AS a\nCMD uvicorn app\nFROM a\nENTRYPOINT ["uvicorn", "--host", "0.0.0.0"]'

    assert folder(Dockerfile=text).start.shell_form is None


@pytest.mark.parametrize("line", ["CMD ['uvicorn']", "CMD uvicorn app.main:app", 'ENTRYPOINT uvicorn\nCMD ["x"]'])
def test_what_is_no_json_is_a_shell_line(folder: Folder, line: str) -> None:
    """Single quotes make a list of Python's, which is none of JSON's."""
    assert folder(Dockerfile=f"FROM python:3.12\n{line}").start.shell_form is not None


CURL = "HEALTHCHECK CMD curl -f http://127.0.0.1:8000/health"


@pytest.mark.parametrize(
    ("base", "brought", "missing"),
    [
        ("python:3.12-slim", "", "curl"),
        ("python:3.12-slim", "RUN apt-get update && apt-get install -y curl", None),
        ("python:3.12", "", None),
    ],
)
def test_curl_is_known_to_be_absent(folder: Folder, base: str, brought: str, missing: str | None) -> None:
    """A slim image has no curl unless a step brings it."""
    files = folder(Dockerfile=f"FROM {base}\n{brought}\n{CURL}")
    _, health = files.health

    assert health is not None
    assert missing == missing_program(health, files.dockerfile)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("HEALTHCHECK CMD curl -f http://127.0.0.1:8000/health", "CMD-SHELL"),
        ('HEALTHCHECK --interval=5s CMD ["curl", "-f", "http://127.0.0.1:8000/health"]', "CMD"),
        ("HEALTHCHECK cmd curl -f http://127.0.0.1:8000/health", "CMD-SHELL"),
        ("HEALTHCHECK curl -f http://127.0.0.1:8000/health", "curl"),
        ("HEALTHCHECK --interval=5s \\\n  --retries=2 curl -f http://127.0.0.1:8000/health", "curl"),
    ],
)
def test_a_health_check_begins_with_cmd(folder: Folder, line: str, kind: str) -> None:
    """Docker refuses to build with anything else."""
    _, health = folder(Dockerfile=f"FROM python:3.12\n{line}").health

    assert health is not None and health.kind == kind


def test_a_health_check_in_a_module(folder: Folder) -> None:
    """What runs with -m is looked into as a script is."""
    text = 'FROM python:3.12\nCOPY probe.py .\nHEALTHCHECK CMD ["python", "-m", "probe"]'
    files = folder(
        **{"Dockerfile": text, "probe.py": "import urllib.request as r\nr.urlopen('http://localhost:8000/health')\n"}
    )
    _, health = files.health

    assert health is not None and health.asks_health


@pytest.mark.parametrize(
    ("words", "reloads"),
    [
        ('["uvicorn", "app.main:app", "--reload"]', "--reload"),
        ('["fastapi", "dev", "app/main.py", "--host", "0.0.0.0"]', "fastapi dev, which reloads"),
        ('["fastapi", "dev", "app/main.py", "--no-reload"]', ""),
        ('["fastapi", "run", "app/main.py"]', ""),
    ],
)
def test_what_reloads(folder: Folder, words: str, reloads: str) -> None:
    """`fastapi dev` reloads unless it is told not to."""
    assert folder(Dockerfile=f"FROM python:3.12\nCMD {words}").start.reloads == reloads


@pytest.mark.parametrize(
    ("words", "glued"),
    [
        ('["uvicorn app.main:app --host 0.0.0.0"]', "uvicorn app.main:app --host 0.0.0.0"),
        ('["uvicorn", "app.main:app", "--host 0.0.0.0"]', "--host 0.0.0.0"),
        ('["gunicorn", "--access-logformat=%(h)s %(t)s", "app.main:app"]', ""),
        ('["sh", "-c", "exec uvicorn app.main:app --host 0.0.0.0"]', ""),
    ],
)
def test_a_line_in_one_string(folder: Folder, words: str, glued: str) -> None:
    """Nobody takes a line apart in exec form; a shell's script, and the value of an option, may have blanks in them."""
    assert folder(Dockerfile=f"FROM python:3.12\nCMD {words}").start.glued == glued


@pytest.mark.parametrize(
    ("change", "port", "shared", "workers", "files_in"),
    [
        (("", ""), [("9000", 8000)], True, "2", True),
        (('"9000:8000"', '"9000:8000/udp"'), [], True, "2", True),
        (("WEB_CONCURRENCY: 2", "WEB_CONCURRENCY: auto"), [("9000", 8000)], True, "", True),
        (("profiles: [load]", "profiles: [load]\n    networks: [back]"), [("9000", 8000)], False, "2", True),
        (("    volumes: [./locustfile.py:/f.py]\n", ""), [("9000", 8000)], True, "2", False),
    ],
)
def test_what_a_compose_file_promises(
    folder: Folder, change: tuple[str, str], port: list[tuple[str, int]], shared: bool, workers: str, files_in: bool
) -> None:
    """Ports over TCP, a number of workers, a common network, and a locustfile for Locust."""
    text = COMPOSE + "    volumes: [./locustfile.py:/f.py]\nnetworks: {back: {}}\n"
    files = folder(Dockerfile="FROM python:3.12\n", compose=text.replace(*change))
    (load,) = files.compose.load

    assert files.service is not None
    assert (files.service.ports, files.service.workers) == (port, workers)
    assert (load.shares_network(files.service), load.has_files) == (shared, files_in)


# --- the build context -----------------------------------------------------------------------------------------------

LIST_OF_WHAT_STAYS_OUT = ".git\n.venv\n**/__pycache__\n.pytest_cache\ntests\n"


@pytest.mark.parametrize("text", [LIST_OF_WHAT_STAYS_OUT, "*\n!app\n**/*.pyc\n", "**\n!app/*.py\n"])
def test_both_kinds_of_list_keep_out_what_must(text: str) -> None:
    """A list of what to leave out is as right as a list of what to let in."""
    context = Context.of(text)

    assert context.unwanted == {}
    assert context.has("app/main.py")


def test_a_pattern_means_the_top_folder_only() -> None:
    """Other than in .gitignore, a name without **/ does not match further down."""
    context = Context.of(LIST_OF_WHAT_STAYS_OUT.replace("**/", ""))

    assert context.unwanted == {"Python's caches": "app/__pycache__/main.cpython-312.pyc"}


def test_what_had_better_stay_out_is_advice() -> None:
    """Secrets and tools' notes are named, and are none of the files that must stay out."""
    listed = Context.of("**/.git\n**/.venv\n**/__pycache__\n**/.*_cache\ntests\n")

    assert listed.unwanted == {}
    assert listed.better_out == {"secrets": ".env", "the lab's notes": ".lab/verified.json"}
    assert Context.of("*\n!app\n**/__pycache__").better_out == {}


def test_a_hidden_file_is_named() -> None:
    """A COPY of something that is kept out fails at build time; it is found before."""
    dockerfile = read("FROM python:3.12\nCOPY requirements.txt app/ ./\nCOPY *.toml ./")

    assert [path for _, path in hidden(dockerfile, Context.of("*\n!app\n"))] == ["requirements.txt"]


def test_a_folder_is_read_by_what_covers_it() -> None:
    """`COPY app` and `COPY .` read the application; `COPY --from` reads another stage."""
    steps = read("FROM python:3.12\nCOPY ./app/ /x\nCOPY . .\nCOPY --from=a app /x\nCOPY requirements.txt .").steps

    assert [reads_app(step) for step in steps] == [True, True, False, False]


def test_a_context_holds_the_labs_own_files_and_no_links(tmp_path: Path) -> None:
    """Given files are the lab's, modes are kept, links lead nowhere, what is ignored is not copied."""
    root = tmp_path / "submission"
    (root / "app").mkdir(parents=True)
    (root / "app" / "model.py").write_text("cheat = True\n", encoding="utf-8")
    (root / "start.sh").write_text("#!/bin/sh\n", encoding="utf-8")
    (root / "start.sh").chmod(0o755)
    (root / "secret").symlink_to("/etc/passwd")
    (root / "tests").mkdir()
    (root / "tests" / "test_x.py").write_text("", encoding="utf-8")

    copy = copy_context(root, tmp_path / "copy", Context.of("tests\n"))

    assert "cheat" not in (copy / "app" / "model.py").read_text(encoding="utf-8")
    assert (copy / "start.sh").stat().st_mode & 0o111
    assert not (copy / "secret").exists()
    assert not (copy / "tests").exists()


# --- compose ---------------------------------------------------------------------------------------------------------

COMPOSE = """
services:
  api:
    build: .
    ports: ["9000:8000"]
    environment: {WEB_CONCURRENCY: 2}
    deploy:
      restart_policy: {condition: on-failure}
      resources: {limits: {memory: 256M}}
  other:
    build: {context: ., dockerfile: Other}
  load:
    image: locustio/locust:2.42.6
    profiles: [load]
    command: -f /f.py --host=http://api:8000
"""


def test_compose_spells_a_file_out(folder: Folder) -> None:
    """Compose's own binary reads short and long forms; the service is the one that builds this Dockerfile."""
    files = folder(Dockerfile="FROM python:3.12\nEXPOSE 9999\n", compose=COMPOSE)

    service = files.service
    assert service is not None
    assert (service.name, 256 * 2**20, "on-failure") == ("api", service.memory_bytes, service.restarts)
    assert service.env == {"WEB_CONCURRENCY": "2"}
    assert files.port == 8000
    assert [load.calls(service) for load in files.compose.load] == [True]


UVICORN = 'CMD ["uvicorn", "app.main:app"]'


@pytest.mark.parametrize(
    ("end", "port"),
    [
        (UVICORN, 8000),
        ('CMD ["uvicorn", "app.main:app", "--host", "0.0.0.0", "--port", "8080"]', 8080),
        ('CMD ["/venv/bin/uvicorn", "app.main:app", "--port=8080", "--port=8081"]', 8081),
        ('CMD ["python3.12", "-u", "-m", "uvicorn", "app.main:app", "--port", "8080"]', 8080),
        ('ENTRYPOINT ["tini", "--", "uvicorn", "app.main:app"]\nCMD ["--port", "8080"]', 8080),
        ('CMD ["sh", "-c", "cd /srv && exec uvicorn app.main:app --host $HOST --port 8080"]', 8080),
        ('CMD ["uv", "run", "--no-sync", "uvicorn", "app.main:app", "--port", "8080"]', 8080),
        ("CMD uvicorn app.main:app --port 8080", 8080),
        (f"ENV UVICORN_PORT=8080\n{UVICORN}", 8080),
        (f"ENV PORT=8080\nEXPOSE 8080\n{UVICORN}", 8000),
        ('CMD ["fastapi", "run", "app/main.py", "--port", "8080"]', 8080),
        ('CMD ["fastapi", "run", "app/main.py"]', 8000),
        ('CMD ["python", "-m", "app"]', 8000),
        ('EXPOSE 80\nCMD ["python", "-m", "app"]', 8000),
        ('ARG P=8080\nENV PORT=$P\nCMD ["python", "-m", "app"]', 8080),
        ('ENV PORT=80\nCMD ["env", "PORT=8080", "python", "-m", "app"]', 8080),
        ('ENV PORT=80\nCMD ["sh", "-c", "PORT=8080 exec python -m app"]', 8080),
        ('ENTRYPOINT ["sh", "-c"]\nCMD ["uvicorn", "app.main:app", "--port", "9000"]', 8000),  # none of it for uvicorn
    ],
)
def test_the_port_inside_is_read(folder: Folder, end: str, port: int) -> None:
    """The start command says it, or the variable that its program reads; EXPOSE opens nothing."""
    assert folder(Dockerfile=f"FROM python:3.12\n{end}", compose=COMPOSE).listens_on == port


@pytest.mark.parametrize(
    "end",
    [
        "",
        'ENTRYPOINT ["start.sh"]\nCMD ["python", "-m", "app"]',
        'CMD ["sh", "-c", "exec uvicorn app.main:app --port ${PORT:-8000}"]',
        'CMD ["sh", "-c", "exec uvicorn app.main:app $OPTIONS"]',
        'CMD ["sh", "-c", "exec uvicorn app.main:app --port 8080 $OPTIONS"]',
        'CMD ["sh", "-c", "exec uvicorn app.main:app $(cat options)"]',
        'CMD ["sh", "-c", "nginx & exec uvicorn app.main:app --port 8080"]',
        'CMD ["sh", "-c", ". ./settings && exec python -m app"]',
        'CMD ["sh", "-c", "export PORT=8080; exec python -m app"]',
        'CMD ["sh", "-c", "PORT=8080; exec python -m app"]',
        'CMD ["uvicorn", "app.main:app", "--uds", "/run/socket"]',
        'CMD ["python", "-m", "app.serve"]',
        'CMD ["python", "-m", "app", "8080"]',
        'CMD ["gunicorn", "app.main:app"]',
        'ENV PORT=8080\nCMD ["fastapi", "run", "app/main.py"]',
        'ENV PORT=\nCMD ["python", "-m", "app"]',
    ],
)
def test_a_port_that_is_left_open(folder: Folder, end: str) -> None:
    """Where a script, a variable or a program of the learner's own decides, nothing is claimed."""
    assert folder(Dockerfile=f"FROM python:3.12\n{end}", compose=COMPOSE).listens_on is None


@pytest.mark.parametrize(
    ("lines", "end", "port"),
    [
        ("command: uvicorn app.main:app --port 8080", UVICORN, 8080),
        ("command: --port 8080", 'ENTRYPOINT ["uvicorn", "app.main:app"]\nCMD ["--port", "80"]', 8080),
        ("entrypoint: [uvicorn, 'app.main:app']", 'ENTRYPOINT ["python", "-m"]\nCMD ["app"]', 8000),
        ('command: sh -c "exec uvicorn app.main:app --port $$INNER"', UVICORN, None),
        ("env_file: .env", UVICORN, None),
        ("env_file: .env", 'CMD ["uvicorn", "app.main:app", "--port", "8080"]', 8080),
        ("working_dir: /srv", 'ENV PORT=80\nCMD ["python", "-m", "app"]', 80),
    ],
)
def test_the_compose_file_has_the_last_word_on_the_port(folder: Folder, lines: str, end: str, port: int | None) -> None:
    """A command, an entrypoint or variables of the compose file take the place of the image's."""
    text = COMPOSE.replace("    build: .\n", f"    build: .\n    {lines}\n", 1)

    assert port == folder(Dockerfile=f"FROM python:3.12\n{end}", compose=text).listens_on


@pytest.mark.parametrize(("value", "port"), [("8080", 8080), ("'${PORT:-8080}'", 8080), ("", None), ("'${P}'", None)])
def test_a_variable_of_the_compose_file_is_the_port(folder: Folder, value: str, port: int | None) -> None:
    """`python -m app` reads PORT; one that the shell of whoever starts it fills in says nothing."""
    text = COMPOSE.replace("WEB_CONCURRENCY: 2", f"WEB_CONCURRENCY: 2, PORT: {value}")
    files = folder(Dockerfile='FROM python:3.12\nENV PORT=80\nCMD ["python", "-m", "app"]', compose=text)

    assert port == files.listens_on


@pytest.mark.parametrize(
    ("build", "port"),
    [
        ("{context: .}", 80),
        ("{context: ., target: old}", None),
        ("{context: ., target: new}", 80),
        ("{context: ., args: {P: 81}}", None),
    ],
)
def test_another_build_has_another_port(folder: Folder, build: str, port: int | None) -> None:
    """A target is another image, and an argument of the build may become the variable."""
    end = 'ARG P=80\nENV PORT=$P\nCMD ["python", "-m", "app"]'
    text = COMPOSE.replace("build: .", f"build: {build}")
    files = folder(Dockerfile=f"FROM python:3.12 AS old\nFROM python:3.12 AS new\n{end}", compose=text)

    assert port == files.listens_on


@pytest.mark.parametrize("file", ["Dockerfile", "./Dockerfile", "app/../Dockerfile"])
def test_the_dockerfile_is_known_by_any_spelling(folder: Folder, file: str) -> None:
    """Compose hands the path on as it was written."""
    text = COMPOSE.replace("build: .", f"build: {{context: ., dockerfile: {file}}}")
    service = folder(Dockerfile="FROM python:3.12\n", compose=text).service

    assert service is not None
    assert service.name == "api"


@pytest.mark.parametrize(
    "build", ["{context: ., dockerfile: Other}", "{context: ./app}", "{dockerfile_inline: FROM x}"]
)
def test_another_dockerfile_is_not_this_one(folder: Folder, build: str) -> None:
    """Neither another file, nor another folder, nor a text in the compose file is the submission's Dockerfile."""
    text = COMPOSE.replace("build: .", f"build: {build}")

    assert folder(Dockerfile="FROM python:3.12\n", compose=text).service is None


@pytest.mark.parametrize("host", ["'http://api:8000'", "'http://api:8000/' --headless", "http://api:8000; echo over"])
def test_the_quotes_of_a_shell_do_not_hide_the_load(folder: Folder, host: str) -> None:
    """The script of a shell is one argument, and its quotes are still in it."""
    started = f'entrypoint: sh\n    command: -c "locust -f /f.py --host {host}"'
    text = COMPOSE.replace("command: -f /f.py --host=http://api:8000", started)
    files = folder(Dockerfile="FROM python:3.12\n", compose=text)

    assert files.service is not None
    assert [load.calls(files.service) for load in files.compose.load] == [True]


LOAD_STAGE = "FROM python:3.12 AS load\nRUN pip install locust\n{}\nFROM python:3.12 AS service\nCMD python -m app\n"


@pytest.mark.parametrize(
    ("stage", "service", "calls"),
    [
        ('ENTRYPOINT ["locust", "-f", "/f.py"]', "command: --host=http://api:8000", [True]),
        ('ENTRYPOINT ["locust"]\nCMD ["--host", "http://api:8000"]', "", [True]),
        ("ENV LOCUST_HOST=http://api:8000\nCMD locust -f /f.py --headless", "", [True]),
        ('CMD ["locust", "--host", "http://localhost:8000"]', "", [False]),
        ('ENTRYPOINT ["locust"]\nCMD ["--host", "http://api:8000"]', "command: --host=http://localhost:8000", [False]),
        ('CMD ["locust", "--host", "http://api:8000"]', "entrypoint: sleep 1", []),
        ('CMD ["python", "-m", "http.server"]', "", []),
    ],
)
def test_load_in_a_stage_of_its_own(folder: Folder, stage: str, service: str, calls: list[bool]) -> None:
    """What a stage starts is what its service runs, as far as the compose file puts nothing in its place."""
    image = "build: {context: ., target: load}"
    text = COMPOSE.replace("image: locustio/locust:2.42.6", image).replace(
        "command: -f /f.py --host=http://api:8000", service
    )
    files = folder(Dockerfile=LOAD_STAGE.format(stage), compose=text)

    assert files.service is not None
    assert [load.calls(files.service) for load in files.compose.load] == calls


def test_load_with_a_dockerfile_of_its_own(folder: Folder) -> None:
    """A Dockerfile beside the service's is read like that one."""
    text = COMPOSE.replace("image: locustio/locust:2.42.6", "build: {context: ., dockerfile: load.Dockerfile}")
    text = text.replace("    command: -f /f.py --host=http://api:8000\n", "")
    own = 'FROM locustio/locust:2.42.6\nCMD ["--host", "http://api:8000"]\n'
    files = folder(**{"Dockerfile": "FROM python:3.12\n", "compose": text, "load.Dockerfile": own})

    assert files.service is not None
    assert [load.calls(files.service) for load in files.compose.load] == [True]


def test_load_that_builds_upon_locust(folder: Folder) -> None:
    """An image that builds upon Locust's own runs Locust; so does one whose Dockerfile stands in the compose file."""
    inline = 'build:\n      dockerfile_inline: |\n        FROM locustio/locust:2.42.6\n        CMD ["--host", "http://api:8000"]\n'
    on_locust = LOAD_STAGE.format("").replace("FROM python:3.12 AS load", "FROM locustio/locust:2.42.6 AS load")
    for image in ("build: {context: ., target: load}\n    command: --host=http://api:8000", inline):
        text = COMPOSE.replace("image: locustio/locust:2.42.6", image).replace(
            "    command: -f /f.py --host=http://api:8000\n", ""
        )
        files = folder(Dockerfile=on_locust, compose=text)

        assert files.service is not None
        assert [load.calls(files.service) for load in files.compose.load] == [True]


@pytest.mark.parametrize(
    ("host", "reaches"),
    [
        ("http://localhost:8000", True),
        ("http://127.0.0.1:8000", True),
        ("http://localhost:9000", False),
        ("http://localhost", False),
    ],
)
def test_load_in_the_network_of_the_service(folder: Folder, host: str, reaches: bool) -> None:
    """Who shares the service's network finds it on localhost, at the inner port."""
    text = COMPOSE.replace("    profiles: [load]\n", "    profiles: [load]\n    network_mode: service:api\n")
    files = folder(Dockerfile="FROM python:3.12\n", compose=text.replace("http://api:8000", host))

    assert files.service is not None
    assert [load.calls(files.service) for load in files.compose.load] == [reaches]


def test_load_in_the_network_of_another(folder: Folder) -> None:
    """In the network of another service, localhost is that one."""
    text = COMPOSE.replace("    profiles: [load]\n", "    profiles: [load]\n    network_mode: service:other\n")
    files = folder(Dockerfile="FROM python:3.12\n", compose=text.replace("http://api:8000", "http://localhost:8000"))

    assert files.service is not None
    assert [load.calls(files.service) for load in files.compose.load] == [False]


@pytest.mark.parametrize("host", ["http://localhost:8000", "http://api:9000", "http://other:8000", "http://api"])
def test_load_that_goes_elsewhere_is_seen(folder: Folder, host: str) -> None:
    """One container finds another by its name and its inner port, and by nothing else."""
    files = folder(Dockerfile="FROM python:3.12\n", compose=COMPOSE.replace("http://api:8000", host))

    assert files.service is not None
    assert [load.calls(files.service) for load in files.compose.load] == [False]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("services:\n  api:\n    memory: 1g\n", "memory"),
        ("services: [api]\n", "services"),
        ("services:\n  api:\n  build: .\n", "build"),
        ("services:\n  api: {image: x, depends_on: [nobody]}\n", "nobody"),
        ("services:\n\tapi: {}\n", "found character that cannot start any token"),
    ],
)
def test_compose_says_what_is_wrong(folder: Folder, text: str, says: str) -> None:
    """A file that Compose refuses is told in Compose's words, without a path of this machine."""
    files = folder(Dockerfile="FROM python:3.12\n", compose=text)

    with pytest.raises(Unmet) as refused:
        _ = files.compose
    assert says in refused.value.saw
    assert str(files.root) not in refused.value.saw


def test_a_missing_env_file_is_no_fault(folder: Folder) -> None:
    """Secrets stay at home: a submission may name an env_file that it does not hold."""
    text = COMPOSE.replace("    build: .\n", "    build: .\n    env_file: .env\n", 1)

    assert folder(Dockerfile="FROM python:3.12\n", compose=text).service is not None


def test_the_environment_of_this_shell_fills_nothing_in(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A blank variable stays blank, whatever the grader's shell has."""
    monkeypatch.setenv("WORKERS", "7")
    text = COMPOSE.replace("WEB_CONCURRENCY: 2", "WEB_CONCURRENCY: '${WORKERS}'")
    service = folder(Dockerfile="FROM python:3.12\n", compose=text).service

    assert service is not None
    assert service.env == {"WEB_CONCURRENCY": ""}


@pytest.mark.parametrize("off", ["{disable: true}", "{test: [NONE]}"])
def test_compose_can_turn_a_health_check_off(folder: Folder, off: str) -> None:
    """What the compose file disables is no health check."""
    text = COMPOSE.replace("    build: .\n", f"    build: .\n    healthcheck: {off}\n", 1)

    assert folder(Dockerfile=f"FROM python:3.12\n{CURL}", compose=text).health == (True, None)


def test_compose_may_only_tune_a_health_check(folder: Folder) -> None:
    """A healthcheck section without a test keeps the image's."""
    text = COMPOSE.replace("    build: .\n", "    build: .\n    healthcheck: {interval: 5s}\n", 1)
    _, health = folder(Dockerfile=f"FROM python:3.12\n{CURL}", compose=text).health

    assert health is not None
    assert health.at == "Dockerfile, line 2"


def test_compose_is_at_hand() -> None:
    """The binary comes with the lab's packages."""
    assert compose.program() is not None
