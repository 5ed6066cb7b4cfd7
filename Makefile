# `make run` and `make test` are the two commands a newcomer needs; both install what is missing.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run build test test-swift test-interop bench format lint clean

# Tests that wait for sockets and processes run after those that only compute: both share the few
# threads of Swift's pool, and a computation holds its thread until it is done.
WAITING_TESTS := '^(MQTTBrokerTests|HooksTests|ScenarioTests|DeviceSimulationTests|ControlPlaneTests)\.'
# Tests that start programs run apart from those that hold many files: Foundation's Process.run
# lists what is open and copies each entry of the listing as if it had its longest name, beyond the
# end of its buffer where about 1360 files are open; a test process crashed there twice.
SPAWNING_TESTS := '^(CertificateAuthorityTests|TidyTests)\.'
SCENARIOS := '^(ScenarioTests\.|MQTTBrokerTests\.ResumptionTests/)'

# A crash names its thread within seconds: a backtrace of every thread, with every symbol of a test
# bundle of this size, took 13 minutes, in which nothing else ran.
export SWIFT_BACKTRACE ?= threads=crashed,images=none,symbolicate=fast,interactive=no,color=no

# What is installed runs without a Swift toolchain, and what modules share is compiled as one: a
# request of the API costs up to a tenth less than by the default.
RELEASE := -c release --static-swift-stdlib -Xswiftc -cross-module-optimization \
    -Xswiftc -use-ld=lld

FORMATTED := Package.swift Sources Tests

help: ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: ## Build in release, make a development CA where there is none, serve, provision 25 devices
	@.ci/packages build
	swift build $(RELEASE) --product slipway
	@exec .build/release/slipway up

build: ## Build in release
	@.ci/packages build
	swift build $(RELEASE) --product slipway

test: test-swift test-interop ## All tests: Swift's own, then foreign clients against the binary

test-swift: ## Unit, golden and scenario tests
	@.ci/packages test
	swift build --build-tests
	swift test --skip-build --parallel --skip $(WAITING_TESTS) --skip $(SPAWNING_TESTS)
	swift test --skip-build --parallel --filter $(SPAWNING_TESTS)
	swift test --skip-build --parallel --filter $(SCENARIOS)
	swift test --skip-build --parallel --filter $(WAITING_TESTS) --skip $(SCENARIOS)

test-interop: ## AWS SDKs, paho, mosquitto, openssl and pkilint against the binary
	@.ci/packages test
	swift build --product slipway
	@.ci/interop

bench: ## Server CPU per device, beside mosquitto accepting the same devices
	@.ci/packages bench
	swift build $(RELEASE) --product slipway
	@.ci/bench

format: ## Rewrite the sources as `swift format` wants them
	swift format -i -r $(FORMATTED)

lint: ## Fail where `swift format` would change something
	swift format lint --strict -r $(FORMATTED)

clean: ## Remove what the build made; pki/ and var/ stay
	rm -rf .build .venv
