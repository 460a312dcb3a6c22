"""Exercise 5: containers. What the files promise, always; what only a real engine shows, where there is one."""

import json
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import test_exercise1 as exercise1

from graders.curriculum import check
from graders.expect import Expect, Unmet
from graders.measuring.parity import Parity
from graders.measuring.stopwatch import stopwatch
from graders.measuring.timeline import Answer
from graders.running.containers.bench import Bench
from graders.running.containers.compose import LEAST_MEMORY_BYTES, RESTARTS
from graders.running.containers.context import hidden
from graders.running.containers.files import Files
from graders.running.containers.late_request import LateRequest
from graders.running.containers.names import USUAL, ImageName, complaint
from graders.running.containers.ordering import caches_left, dependency_installs, late_installs
from graders.running.containers.starting import Start, missing_program
from graders.running.contest import Contest

GRACE_S = 10.0
SHUTS_DOWN_S = 3.0  # how long to look for the first sign of a shutdown before the request in flight goes on
HEALTHY_S = 20.0
FROZEN_S = 4.0  # how long a health check is waited for while nothing answers it; an engine would call it failed
NO_PROGRAM = (126, 127)  # exit codes of a shell, and of an engine, that could not run a command at all
ATTEMPTS = 3
MAX_IMAGE_BYTES = 350 * 10**6
MIB = 2**20


@pytest.fixture(scope="session")
def files(submission, lab):
    """The submission's container files."""
    return Files(submission.root, lab.launcher.scratch)


@pytest.fixture(scope="session")
async def bench(files, submission, lab):
    """The engine, the image and its containers; removed at the end."""
    bench = Bench(files, submission, lab.launcher)
    yield bench
    await bench.close()


@pytest.fixture(scope="session")
def parity():
    """The same service as a process and as a container, side by side."""
    return Parity()


@check(points=1)
def test_base_image(files, expect):
    """The image builds upon an official Python, 3.11 or newer, pinned to at least a minor version."""
    image = files.dockerfile.image
    wrong = complaint(image)

    expect(
        not wrong,
        did=f"read which image the last stage builds upon ({_from(files)})",
        saw=f"{image}, {wrong}",
        wanted=f"an official Python, 3.11 or newer, pinned to at least a minor version, such as {USUAL}",
        look_at=f"{_from(files)}: which Python will this be in a year?",
    )
    expect.show(".".join(map(str, ImageName.of(image).version)))


def _from(files):
    return f"Dockerfile, line {files.dockerfile.final[0].line}"


@check(points=1)
def test_layer_order(files, expect):
    """Dependencies are installed before the application is copied, and leave no cache behind."""
    dockerfile = files.dockerfile
    found = dependency_installs(dockerfile)
    did = "read in which order the steps come"

    expect(
        bool(found),
        did="looked for the step that installs the dependencies",
        saw="no RUN installs a Python package",
        wanted="a RUN that installs what requirements.txt, pyproject.toml or the line itself names",
        look_at="the Dockerfile: where do FastAPI and uvicorn come from?",
    )
    for late in late_installs(dockerfile):
        raise Unmet(
            did=did,
            saw=f"{late.install.step.at}, {late.install.command.text!r}, comes after the application:\n"
            f"{late.after.at}: {late.after.text}",
            wanted="the dependencies first, so that an edit to app/ does not install them again",
            look_at=f"{late.install.step.at}: which files does it need, and which of them do you edit every day?",
        )
    for install in caches_left(dockerfile):
        raise Unmet(
            did="looked for what an installation leaves behind in its layer",
            saw=f"{install.step.at}: {install.command.text!r} keeps the packages that it downloaded",
            wanted="no package cache in a layer: an option or a variable turns it off, or a cache mount holds it",
            look_at=f"{install.step.at}: who will ever read that cache, inside the image?",
        )
    expect.show(f"line {found[0].step.line}")


@check(points=1)
def test_non_root(files, expect):
    """The image ends as a user that is not root."""
    step = files.dockerfile.last("USER")
    user = " ".join(step.args).strip() if step else ""
    name = user.split(":")[0]

    expect(
        bool(name) and name != "root" and name.strip("0") != "",
        did="read as which user the image ends",
        saw=f"{step.at}: USER {user}" if step else "no USER: the process is root",
        wanted="the last USER is somebody else than root",
        look_at="the last stage: who owns the process, and what may an intruder do with that?",
    )
    expect.show(name)


@check(points=1)
def test_starts_the_service(files, expect):
    """The service is started in exec form, bound to 0.0.0.0, without --reload."""
    start = files.start
    did = "read what the image starts (ENTRYPOINT and CMD)"

    expect(
        bool(start.steps),
        did=did,
        saw="neither: the base image's own command, an interactive Python, is started",
        wanted='a CMD in exec form, such as CMD ["program", "argument"]',
        look_at="the end of the Dockerfile: what should run when somebody starts this image?",
    )
    if step := start.shell_form:
        written = step.text.split(maxsplit=1)[1] if " " in step.text else ""
        broken = written.startswith("[")
        raise Unmet(
            did=did,
            saw=f"{step.at}: {step.text}\n"
            + (
                "not valid JSON, so that Docker takes it for a shell line"
                if broken
                else "a shell form: the shell is the process"
            ),
            wanted=f'exec form: {step.name} ["program", "argument"], a JSON list with double quotes',
            look_at=f"{step.at}: " + ("which quotes does JSON know?" if broken else "who gets the signal of a stop?"),
        )
    expect(
        not start.glued,
        did=did,
        saw=f"in exec form, and in one string: {start.glued!r}",
        wanted="each word a string of its own: nobody takes a line apart where no shell runs",
        look_at=f"{start.steps[-1].at}: which program is started, and which arguments does it get?",
    )
    command = start.steps[-1]
    service = files.service
    reloads = [(start.reloads, command.at)]
    reloads += [(Start(None, None, tuple(service.words)).reloads, "the compose file, command")] if service else []
    reloading = next((f"{place}: {word}" for word, place in reloads if word), "")
    expect(
        not reloading,
        did=did,
        saw=reloading,
        wanted="no --reload: it watches files and restarts, which is for a desk",
        look_at="what is there to be reloaded in an image that never changes?",
    )
    env = files.dockerfile.env
    ignored = f" (HOST is {env['HOST']})" if "HOST" in env else ""
    if ignored and start.is_uvicorn:
        ignored = " (HOST is set, but uvicorn's own command line does not read it)"
    expect(
        start.binds_everywhere(env),
        did=did,
        saw=f"{command.at}: {command.text}\nnothing binds it to 0.0.0.0{ignored}",
        wanted="0.0.0.0, by an argument or by ENV HOST",
        look_at="to whom does 127.0.0.1 belong, inside a container?",
    )
    expect.show("exec form")


@check(points=1)
def test_healthcheck(files, expect):
    """A health check asks /health, with a program that the image has."""
    dockerfile = files.dockerfile
    is_off, health = files.health
    did = "read the health check, in the Dockerfile and in the compose file"

    expect(
        health is not None,
        did=did,
        saw="the compose file turns it off" if is_off else "there is none",
        wanted="the health check left on"
        if is_off
        else "HEALTHCHECK in the last stage of the Dockerfile, or healthcheck in the compose file",
        look_at="how does an orchestrator learn that the process lives but no longer answers?",
    )
    expect(
        health.kind in ("CMD", "CMD-SHELL"),
        did=did,
        saw=f"{health.at}: {health.kind} stands where Docker expects CMD; to Docker this is no health check",
        wanted="CMD before the command (in a list of the compose file: CMD or CMD-SHELL)",
        look_at=f"{health.at}: which word says that a command follows?",
    )
    expect(
        health.asks_health,
        did=did,
        saw=f"{health.at}: {' '.join(health.test)}",
        wanted="a check that asks /health",
        look_at=f"{health.at}: which of your routes says how the service is?",
    )
    port = files.listens_on
    expect(
        port is None or health.port in (None, port),
        did=did,
        saw=f"{health.at}: it asks at port {health.port}; the service listens on {port}",
        wanted="a check that asks where the service listens",
        look_at=f"{health.at}: which port is the service's own, inside the container?",
    )
    absent = missing_program(health, dockerfile)
    expect(
        absent is None,
        did=did,
        saw=f"{health.at}: it runs {absent}, which {dockerfile.image} does not have",
        wanted="a program that the image has",
        look_at=f"{health.at}: which program is certainly there, in an image made for Python?",
    )
    expect.show("Dockerfile" if health.at.startswith("Dockerfile") else "compose")


@check(points=1)
def test_dockerignore(files, expect):
    """History, virtual environments, caches and tests stay out of the build context; the application gets in."""
    did = "asked .dockerignore, by Docker's own rules, about typical files"
    look_at = (
        ".dockerignore: a pattern without **/ means the top folder only; what is the shortest list of what to let in?"
    )

    expect(
        files.text(".dockerignore") is not None,
        did=did,
        saw="there is no .dockerignore: all of the folder is sent to every build",
        wanted="a .dockerignore",
        look_at="the folder of the Dockerfile: what is in it that the image does not need?",
    )
    unwanted = files.context.unwanted
    expect(
        not unwanted,
        did=did,
        saw="let in: " + ", ".join(f"{name} ({path})" for name, path in unwanted.items()),
        wanted="the repository's history, virtual environments, caches and tests stay out",
        look_at=look_at,
    )
    expect(
        files.context.has("app/main.py"),
        did=did,
        saw="left out: app/main.py, the application itself",
        wanted="the application gets in",
        look_at=look_at,
    )
    try:
        kept_out = hidden(files.dockerfile, files.context)
    except Unmet:
        kept_out = []  # a Dockerfile that cannot be read fails elsewhere
    for step, path in kept_out:
        raise Unmet(
            did=did,
            saw=f"left out: {path}, which {step.at} wants: {step.text}",
            wanted="what a COPY names gets in",
            look_at=look_at,
        )
    advice = ", ".join(f"{path} ({name})" for name, path in files.context.better_out.items())
    expect.show("clean", beside=f"better left out as well: {advice}" if advice else "")


@check(points=2)
def test_compose(files, expect):
    """The compose file starts the service as production would, and Locust against it under the profile load."""
    compose = files.compose
    app = files.service
    name = compose.file

    def require(holds, saw, wanted, look_at):
        expect(
            holds, did=f"let Compose spell out {name}: docker-compose config", saw=saw, wanted=wanted, look_at=look_at
        )

    beside = compose.in_a_profile(files.root)
    none = "none of them builds this Dockerfile"
    if beside is not None:
        none = f"{beside.name} builds it, but starts only under the profile {' or '.join(beside.profiles)}"
    require(
        app is not None,
        saw=f"services: {', '.join(s.name for s in compose.services) or 'none'}; {none}",
        wanted="one service, without a profile, with `build: .`",
        look_at=f"{name}: which service is yours, and where does its image come from?",
    )
    require(
        bool(app.ports),
        saw=f"{app.name} publishes no port",
        wanted=f"{app.name} publishes the port of the service",
        look_at=f"{name}, {app.name}: how does a browser on your machine reach it?",
    )
    inner = list(dict.fromkeys(inside for _, inside in app.ports))
    port = files.listens_on
    require(
        port is None or port in inner,
        saw=f"{app.name} publishes the inner port {' and '.join(map(str, inner))}; the service listens on {port}",
        wanted=f"the port that the service listens on, {port}, behind the colon of ports",
        look_at=f"{name}, {app.name}: which side of the colon is the container's, and who listens there?",
    )
    built = app.built
    require(
        built is None
        or Start(None, None, tuple(app.words)).binds_everywhere({**built.env, **app.env})
        or not files.start.binds_everywhere(built.env),
        saw=f"what {app.name} puts in the place of the image's own makes the service listen inside the container alone",
        wanted="a service that listens on 0.0.0.0, as its image does",
        look_at=f"{name}, {app.name}: who listens on the inner port once command and environment are these?",
    )
    require(
        "WEB_CONCURRENCY" not in app.env or bool(app.workers),
        saw=f"WEB_CONCURRENCY is {app.env.get('WEB_CONCURRENCY')!r}",
        wanted="a number of workers",
        look_at=f"{name}, {app.name}: how many workers does your service start with that?",
    )
    require(
        "WEB_CONCURRENCY" in app.env,
        saw=f"{app.name} has {', '.join(app.env) or 'nothing'} in its environment",
        wanted="WEB_CONCURRENCY: how many workers this container runs",
        look_at=f"{name}, {app.name}: how many workers are right for the share of the machine that it gets?",
    )
    require(
        bool(app.restarts),
        saw=f"{app.name} has no restart policy: once it is down, it stays down",
        wanted="restart: unless-stopped, always or on-failure",
        look_at=f"{name}, {app.name}: who starts it again at three in the morning?",
    )
    require(
        app.restarts.split(":")[0] in RESTARTS,
        saw=f"{app.name} has restart: {app.restarts}, which no engine knows",
        wanted="restart: unless-stopped, always or on-failure",
        look_at=f"{name}, {app.name}: how is the policy spelled?",
    )
    require(
        app.memory_bytes == 0 or app.memory_bytes >= LEAST_MEMORY_BYTES,
        saw=f"{app.name} may use {app.memory_bytes} bytes of memory, in which nothing starts",
        wanted="a memory limit with a unit, such as 512m",
        look_at=f"{name}, {app.name}: in which unit is a number without one?",
    )
    require(
        app.memory_bytes > 0,
        saw=f"{app.name} has no memory limit: a leak takes the whole machine with it",
        wanted="a memory limit (mem_limit, or deploy: resources: limits: memory)",
        look_at=f"{name}, {app.name}: how much does it need, and who pays if it takes more?",
    )
    require(
        bool(compose.load),
        saw=f"under the profile load: {', '.join(compose.under_load) or 'nothing'}; no Locust",
        wanted="a second service, under the profile load, that runs Locust",
        look_at=f"{name}: what starts only with `docker compose --profile load up`?",
    )
    require(
        any(load.calls(app) for load in compose.load),
        saw=f"{', '.join(load.name for load in compose.load)}: neither a command nor LOCUST_HOST names {app.name} "
        "and its port",
        wanted=f"Locust runs against http://{app.name}:{port or inner[0]}",
        look_at="by which name does one container find another, and on which port: the inner or the published one?",
    )
    load = next(load for load in compose.load if load.calls(app))
    require(
        load.shares_network(app),
        saw=f"{load.name} and {app.name} are in no common network",
        wanted=f"a network in which {load.name} finds {app.name}",
        look_at=f"{name}: in which networks are the two?",
    )
    require(
        load.has_files,
        saw=f"nothing brings a locustfile into {load.name}: it builds no image, and mounts nothing",
        wanted="your locustfile.py in it, by a volume or by an image of its own",
        look_at=f"{name}, {load.name}: what is in the image that it starts from, and what is not?",
    )
    expect.show(f"{app.memory_bytes // MIB} MiB")


@check(points=1)
async def test_builds(bench, expect):
    """The image builds."""
    image = await bench.image()

    expect.show(f"{image.seconds:.1f} s", image.layers)


@check(points=1)
async def test_serves(bench, start_service, lab, parity, expect):
    """The container answers /health and /predict, and keeps every promise of exercise 1 as the process does."""
    container = await bench.container()
    await _keeps_exercise1(container, lab, expect)

    with _noted_in(expect) as notes:
        five = await _five_at_once(container, lab, notes)
    with stopwatch() as start:
        process = await start_service()
    alone = await _five_at_once(process, lab, Expect())
    with stopwatch() as stop:
        await process.end(GRACE_S)
    parity.note("start", start.s, container.start_s)
    parity.note("five at once", alone, five)
    expect.show(f"{five:.2f} s", Parity(dict(parity.rows)), beside=parity.short())
    parity.note("stop", stop.s, None)  # the container's follows in stops_gracefully


async def _keeps_exercise1(container, lab, expect):
    """The promises of exercise 1, but for the five at once; a broken one is drawn as there."""
    for promise in (
        exercise1.test_health,
        exercise1.test_predict,
        exercise1.test_models,
        exercise1.test_validation,
    ):
        with _noted_in(expect) as notes:
            await promise(container, notes)

    race = Contest(container, lab.launcher)
    try:
        with _noted_in(expect) as notes:
            await exercise1.test_takes_its_time(container, race, notes)
        for promise in (exercise1.test_many_parallel, exercise1.test_stays_responsive):
            with _noted_in(expect) as notes:
                await promise(race, notes)
    finally:
        await race.end()


@contextmanager
def _noted_in(expect):
    """Notes of a check of exercise 1, made of the container: kept where it fails, which it did not for the process."""
    notes = Expect()
    try:
        yield notes
    except Exception as error:
        expect.pictures = notes.pictures
        expect.show(notes.figure, **notes.evidence)
        if not isinstance(error, Unmet):
            raise
        did = error.did if "container" in error.did else f"in the container: {error.did}"
        look_at = "the Dockerfile, for the process kept this promise: which ENV, versions or files are different there?"
        raise Unmet(did, error.saw, error.wanted, look_at, error.cause) from None


async def _five_at_once(service, lab, notes):
    """How long five predictions sent together take, in seconds."""
    race = Contest(service, lab.launcher)
    try:
        await exercise1.test_five_parallel(race, notes)
    finally:
        await race.end()
    return notes.pictures[-1].wall_s


@check(points=1)
async def test_runs_as_non_root(bench, expect):
    """No process in the container is root's."""
    container = await bench.container()

    users = await container.users()
    roots = [f"{name} (process {pid})" for pid, (uid, name) in users.items() if uid == 0]
    expect(
        bool(users) and not roots,
        did="asked the kernel whose the container's processes are",
        saw=f"root's: {', '.join(roots)}" if roots else "no process at all",
        wanted="user ids other than 0",
        look_at="USER in the last stage: is it there, and does anything after it or the entrypoint become root again?",
    )
    expect.show(f"uid {', '.join(sorted({str(uid) for uid, _ in users.values()}))}")


@check(points=1)
async def test_becomes_healthy(bench, files, expect):
    """The health check turns healthy, and unhealthy when the service does not answer."""
    container = await bench.container()
    image = await bench.image()
    is_off, health = files.health
    test = list(health.test) if health and not health.at.startswith("Dockerfile") else image.health_test
    command = _health_command(test)
    did = "ran the health check inside the container, as the engine does"

    expect(
        bool(command) and not is_off,
        did=did,
        saw="the compose file turns it off" if is_off else "there is none that begins with CMD or CMD-SHELL",
        wanted="a health check",
        look_at="HEALTHCHECK, or healthcheck in the compose file",
    )
    for _ in range(ATTEMPTS):  # a busy machine may let a check of a second or two run out of time
        with stopwatch() as asked:
            healthy = await container.exec(*command, limit_s=HEALTHY_S)
        if healthy.is_ok or healthy.code in NO_PROGRAM:
            break
    expect(
        healthy.is_ok,
        did=did,
        saw=f"it ended with {'no answer in time' if healthy.code is None else f'exit code {healthy.code}'}:\n"
        + healthy.tail(2),
        wanted="exit code 0: healthy",
        look_at="does the image have the program that the check runs, and does the check ask the right port?",
    )
    without = await bench.run(image, command)
    expect(
        not without.is_ok,
        did="ran the health check in a container in which the service does not run",
        saw="exit code 0: healthy",
        wanted="any other exit code: nobody answers",
        look_at="the health check: what decides its exit code?",
    )
    await container.freeze()
    frozen = await container.exec(*command, limit_s=FROZEN_S)
    expect(
        not frozen.is_ok,
        did="froze the service, so that connections are taken and nothing is answered, and ran the health check",
        saw="exit code 0: healthy",
        wanted="any other exit code, or none in time",
        look_at="the health check: does it wait for an answer of /health, or only for a connection?",
    )
    expect.show(f"{asked.s:.2f} s")


def _health_command(test):
    """What an engine runs for a health check as it is kept: CMD or CMD-SHELL first."""
    if test[:1] == ["CMD"]:
        return test[1:]
    return ["/bin/sh", "-c", test[1]] if test[:1] == ["CMD-SHELL"] else []


@check(points=1)
async def test_stops_gracefully(bench, parity, expect):
    """A stop lets the request in flight finish, and ends within 10 seconds."""
    await bench.container()  # one that does not come up is told once
    for attempt in range(1, ATTEMPTS):
        stopped = await _stop_with_a_request_in_flight(bench, f"stopped-{attempt}")
        if stopped.ended or not stopped.took_notice:
            break  # a shutdown that had begun and was not over in time is tried again: the machine may be busy

    parity.note("stop", None, stopped.took_s)
    did = "sent a prediction but for its last byte, asked the container to stop, sent the last byte"
    expect(
        stopped.answer.status == 200,
        did=did,
        saw=f"answered {stopped.answer.status}" if stopped.answer.status else f"no answer: {stopped.answer.error}",
        wanted="200: what is in flight is finished before the process ends",
        look_at="what happens between the signal and the end of the process?",
    )
    expect(
        stopped.ended,
        did=did,
        saw=f"{GRACE_S:.0f} s later the container still ran; an engine kills it then (exit code 137)",
        wanted=f"it ends by itself within {GRACE_S:.0f} s",
        look_at="which process in the container gets the signal, and does it hand it on?",
        picture=parity,
    )
    expect.show(f"{stopped.took_s:.1f} s", parity, beside=parity.short("stop"))


@dataclass(frozen=True)
class Stopped:
    """What became of a stop: the answer in flight, whether no new connection was taken, whether it ended, how soon."""

    answer: Answer
    took_notice: bool
    ended: bool
    took_s: float


async def _stop_with_a_request_in_flight(bench, name):
    container = await bench.start(name)
    late = await LateRequest.begin(container, "/predict", json.dumps({"feature_1": 1.5, "feature_2": 2.5}).encode())
    with stopwatch() as stop:
        await container.signal()
        took_notice = await container.refuses(SHUTS_DOWN_S)
        answer = await late.finish(GRACE_S)
        ended = await container.ended_within(max(0.0, GRACE_S - stop.s))
    return Stopped(answer, took_notice, ended, stop.s)


INSTALLED = (
    r"find / -xdev \( -path '*/fastapi-*.dist-info/RECORD' -o -path '*/uvicorn-*.dist-info/RECORD' \)"
    r" -printf '%p %T@\n' 2>/dev/null | sort"
)


@check(points=1)
async def test_rebuilds_fast(bench, expect):
    """After an edit in app/ the dependencies are not installed again."""
    first = await bench.image()
    again = await bench.image_after_edit()

    before, after = [
        (await bench.run(image, ["/bin/sh", "-c", INSTALLED], as_root=True)).out for image in (first, again)
    ]
    did = "added a line to app/main.py, built again, and compared when FastAPI and uvicorn were installed"
    anew = [f"{step.seconds:5.1f} s  {step.text[:90]}" for step in again.steps if not step.is_kept]
    expect(
        bool(before.strip()),
        did=did,
        saw="neither is installed in the image in any way that pip or uv know",
        wanted="both, from a layer of their own",
        look_at="the step that installs the dependencies",
    )
    expect(
        before == after,
        did=did,
        saw=f"they were installed anew; the second build took {again.seconds:.1f} s, for these steps:\n"
        + "\n".join(anew),
        wanted="the layer with the dependencies is kept",
        look_at="the first step that ran again: which of the files that it reads did change?",
        picture=again.layers,
    )
    expect.show(f"{again.seconds:.1f} s", again.layers)


@check(points=1)
async def test_image_size(bench, expect):
    """The image is at most 350 MB."""
    layers = (await bench.image()).layers.limited_to(MAX_IMAGE_BYTES)

    heaviest = max(layers.layers, key=lambda layer: layer.bytes)
    expect(
        layers.total_bytes <= MAX_IMAGE_BYTES,
        did="added up the layers of the image",
        saw=f"{layers.total_bytes / 10**6:.0f} MB; {heaviest.bytes / 10**6:.0f} MB of it: {heaviest.step[:90]}",
        wanted=f"at most {MAX_IMAGE_BYTES // 10**6} MB",
        look_at="the heaviest layer: does the service need all of it when it runs?",
        picture=layers,
    )
    expect.show(f"{layers.total_bytes / 10**6:.0f} MB", layers, beside=layers.short())
