"""Who is measured: how each is configured as a plain way to one upstream, and how it is asked.

Each runs one process that works, as its own documentation starts it, with logging of requests off where there is a switch.
None checks a key, a policy or a limit: that would need databases of their own, and would only make them slower.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.peers import environments

_NGINX: Final = """
worker_processes 1; daemon off; pid {home}/pid; error_log {home}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {home}/a; proxy_temp_path {home}/b; fastcgi_temp_path {home}/c; uwsgi_temp_path {home}/d;
  scgi_temp_path {home}/e;
  upstream up {{ server 127.0.0.1:{upstream}; keepalive 128; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }}
  }}
}}
"""


@dataclass(frozen=True)
class Started:
    """How to start a peer and ask it.

    Attributes:
        command: the program and its arguments.
        environment: added to a bare one.
        path: where a chat request goes.
        fields: what a request carries besides what every client sends.
        model: what the model is called there.
        patience_s: how long it may take to start.
    """

    command: list[str]
    environment: dict[str, str]
    path: bytes = b"/v1/chat/completions"
    fields: bytes = b""
    model: str = "tiny"
    patience_s: float = 30.0


Start = Callable[[Path, int, int], Started]
"""Takes a directory of its own, the upstream's port and the port to serve on."""


def nginx(home: Path, upstream: int, port: int) -> Started:
    """Return nginx as a reverse proxy: the limit of what a proxy costs."""
    program = environments.program("nginx", "apt-get install nginx-light")
    (home / "nginx.conf").write_text(_NGINX.format(home=home, upstream=upstream, port=port))
    return Started([program, "-c", str(home / "nginx.conf"), "-e", str(home / "error.log")], {})


def envoy(home: Path, upstream: int, port: int) -> Started:
    """Return Envoy as a plain HTTP proxy with one worker thread."""
    address = {"address": "127.0.0.1", "port_value": port}
    router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
    manager = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    route = {"match": {"prefix": "/"}, "route": {"cluster": "up", "timeout": "60s"}}
    http = {
        "@type": manager,
        "stat_prefix": "in",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": router}}],
    }
    endpoint = {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": upstream}}}}
    cluster = {
        "name": "up",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": "up", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": http}]}
    listener = {"name": "in", "address": {"socket_address": address}, "filter_chains": [chain]}
    (home / "envoy.json").write_text(json.dumps({"static_resources": {"listeners": [listener], "clusters": [cluster]}}))
    program = environments.python("envoy") / "envoy"
    options = ["--concurrency", "1", "--log-level", "warn", "--disable-hot-restart"]
    return Started([str(program), "-c", str(home / "envoy.json"), *options], {})


def portkey(home: Path, upstream: int, port: int) -> Started:
    """Return Portkey's open gateway, told by request fields where to go, as it is meant to be."""
    del home
    server = environments.node("portkey") / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    fields = b"x-portkey-provider: openai\r\nx-portkey-custom-host: http://127.0.0.1:%d/v1\r\n" % upstream
    return Started(
        [environments.program("node", "see nodejs.org"), str(server), f"--port={port}", "--headless"], {}, fields=fields
    )


def mlflow(home: Path, upstream: int, port: int) -> Started:
    """Return MLflow's gateway with one worker."""
    bin_ = environments.python("mlflow")
    config = {
        "name": "tiny",
        "endpoint_type": "llm/v1/chat",
        "model": {
            "provider": "openai",
            "name": "tiny",
            "config": {"openai_api_key": "none", "openai_api_base": f"http://127.0.0.1:{upstream}/v1"},
        },
    }
    (home / "config.yaml").write_text(json.dumps({"endpoints": [config]}))
    start = ["gateway", "start", "--config-path", str(home / "config.yaml")]
    command = [str(bin_ / "mlflow"), *start, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    path = f"{bin_}:{os.environ['PATH']}"
    return Started(command, {"PATH": path, "HOME": str(home)}, patience_s=90)


def litellm(home: Path, upstream: int, port: int) -> Started:
    """Return LiteLLM's proxy with one worker and no database."""
    bin_ = environments.python("litellm")
    target = {"model": "openai/tiny", "api_base": f"http://127.0.0.1:{upstream}/v1", "api_key": "none"}
    config = {
        "model_list": [{"model_name": "tiny", "litellm_params": target}],
        "litellm_settings": {"telemetry": False, "set_verbose": False},
    }
    (home / "config.yaml").write_text(json.dumps(config))
    command = [str(bin_ / "litellm"), "--config", str(home / "config.yaml"), "--host", "127.0.0.1"]
    environment = {"HOME": str(home), "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    return Started([*command, "--port", str(port), "--num_workers", "1"], environment, patience_s=120)


PEERS: Final[dict[str, Start]] = {
    "nginx": nginx,
    "Envoy": envoy,
    "Portkey": portkey,
    "MLflow gateway": mlflow,
    "LiteLLM": litellm,
}
