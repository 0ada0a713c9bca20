"""Model workers: each one sandboxed process that serves one release over a unix socket.

Always true here:
- a worker holds no credential, no network and no path to a database; it gets sealed weights, a listening socket and a
  scratch directory, and nothing else;
- a worker confines itself before it looks at weights or requests, inside the namespaces that its launcher gave it;
- what a machine cannot enforce is said by `sandbox.probe`, never passed over;
- no prompt or answer is written anywhere, log lines included.

Public names: `artefacts` (the demonstration's weights), `cachescope`, `sandbox.probe`, `supervise.WorkerHost`
with `spec.WorkerSpec` and `events`.
"""
