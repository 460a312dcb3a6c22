"""More kinds of predictions, each of which waits for something else: a core, a thread, another service, a batch."""

from fastapi import APIRouter

router = APIRouter()

# TODO (lessons/exercise4.md, step 1): include this router in app/main.py. Both models of app/main.py are needed here,
# too: move them to a file of their own, app/models.py, that both can import.


# TODO (lessons/exercise4.md, step 3): answer POST /predict/cpu with what app.model.infer computes, and leave the event
# loop free meanwhile.


# TODO (lessons/exercise4.md, step 4): answer POST /predict/sync from a plain `def` that calls time.sleep(0.1), and give
# the thread pool behind such handlers THREAD_POOL_SIZE threads (in the lifespan of app/main.py).


# TODO (lessons/exercise4.md, step 6): answer POST /predict/entity with features from the feature store.


# TODO (lessons/exercise4.md, step 8, bonus): answer POST /predict/batched through app/batching.py.
