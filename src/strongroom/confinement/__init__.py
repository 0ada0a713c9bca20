"""What a process gives up before it looks at what somebody else made, and what it needs to start from.

Always true here:
- no measure needs help from outside (no libseccomp, no set-uid program): the kernel's own interfaces, called once, for
  good, and covering every thread;
- what a measure cannot do on a machine is an error of its own kind, never silence;
- a `RuntimeTree` can be read by every uid, so a process can be started under one that owns nothing.

Who confines whom is said by the rooms above: `runtime` confines model workers, `registry` its scanner.
"""
