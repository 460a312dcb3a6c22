#!/usr/bin/env bash
# Runs once, when Gradescope builds the image: Python, the lab's packages, and a sandbox where the host allows one.
set -euo pipefail
root=${AUTOGRADER_ROOT:-/autograder}

apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
  python3 python3-venv ca-certificates bubblewrap

# Outside of root's home: a submission runs as a user of its own, who must be able to read Python.
python3 -m venv /opt/uv
/opt/uv/bin/pip install --quiet uv
export UV_PYTHON_INSTALL_DIR=/opt/python UV_PROJECT_ENVIRONMENT=/opt/lab UV_LINK_MODE=copy
cd "$root/source/lab"
/opt/uv/bin/uv sync --quiet --python 3.12 --managed-python --no-default-groups --group lab --group load --group containers

# The lab is readable for that user, what was handed in and the results are not.
chmod a+x "$root" "$root/source"
chmod -R a+rX "$root/source/lab" /opt/lab /opt/python
