"""The feature store: another service, which this one has to ask before it can predict for an entity."""

# TODO (lessons/exercise4.md, step 6): one client for the whole life of the process, with at most FEATURE_STORE_POOL
# connections; GET {FEATURE_STORE_URL}/features/{entity_id}.

# TODO (lessons/exercise4.md, step 7): at most FEATURE_STORE_TIMEOUT seconds for the whole call, and for each way in
# which it can fail the status that says so: 504, 502 or 404, and never 500.
