# SPDX-License-Identifier: Apache-2.0
# The front door: sets the machine up, then hands over to Meson. `make help` lists the targets.

BUILD  ?= build
PREFIX ?= /usr/local
JOBS   ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
# make test WERROR=true turns warnings into errors, as CI does.
WERROR ?= false

.PHONY: help build setup demo backbone web browser test test-long bench install clean format

build: setup ## build the program (build/winnow) and the library
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD) --prefix=$(PREFIX) -Dwerror=$(WERROR) >/dev/null
	@meson configure $(BUILD) -Dprefix=$(abspath $(PREFIX)) -Dwerror=$(WERROR)
	@ninja -C $(BUILD) -j $(JOBS)

setup: ## install what is missing (apt-get, as root or through sudo; or brew)
	@tools/setup.sh

demo: build ## the whole job on built-in pictures, in about two minutes
	@tools/demo.sh $(BUILD)

backbone: build ## fetch a pretrained backbone, so that gates are good from the first photo
	@$(BUILD)/winnow backbone get

web: build ## compile the runtime for the browser; then: build/winnow serve --gate GATE
	@tools/setup.sh web
	@tools/wasm.sh

browser: ## put a browser here, for the tests that look at pages (apt-get, npm)
	@tools/browser.sh $(BUILD)/browser

test: build ## every quick test
	@tools/browser.sh $(BUILD)/browser || echo "make: no browser, so what looks at pages is skipped" >&2
	@tools/test.sh $(BUILD) quick

test-long: build browser ## every test: sanitizers, fuzzing, other processors, full trainings
	@tools/test.sh $(BUILD) long

bench: build ## speed, beside the peers where they are installed
	@tools/bench.sh $(BUILD)

install: build ## install program, library, header, pkg-config file and manual to PREFIX
	@meson install -C $(BUILD) --no-rebuild

format: ## clang-format every C file in place
	@git ls-files '*.c' '*.h' | xargs clang-format -i

clean: ## remove what was built
	rm -rf $(BUILD)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 20
