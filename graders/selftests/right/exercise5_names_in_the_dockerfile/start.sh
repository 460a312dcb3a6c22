#!/bin/sh
# Becomes the service: exec leaves no shell behind that could keep a signal to itself.
set -eu
exec uvicorn app.main:app --host "${HOST:-0.0.0.0}" --port "${PORT:-8000}"
