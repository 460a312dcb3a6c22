# How your service becomes an image. `docker build -t inference .` builds it; lessons/exercise5.md says what each step
# is for. When you think that a step is done: `uv run pytest -k exercise5`.

# TODO (lessons/exercise5.md, step 2): begin with an official Python image, pinned to a minor version, and a WORKDIR.

# TODO (lessons/exercise5.md, step 3): install the dependencies first, from a list of their own, and keep no cache.

# TODO (lessons/exercise5.md, step 3): then copy app/.

# TODO (lessons/exercise5.md, step 5): make a user, and let the image end as that user.

# TODO (lessons/exercise5.md, step 6): start the service, in exec form, bound to 0.0.0.0.

# TODO (lessons/exercise5.md, step 7): add a health check that asks /health with a program that the image has.
