"""The supervisor's own hands: the same services that everybody uses, for as long as it sets things up."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final, TextIO

from strongroom.app.layout import Layout
from strongroom.app.options import Options
from strongroom.app.refusals import USAGE, CannotStart
from strongroom.app.seed import INSTALLER, OPERATOR, Seed
from strongroom.app.settings import Settings
from strongroom.app.uids import CONTROL as CONTROL_UID
from strongroom.app.uids import uid
from strongroom.identity import Directory, Identity
from strongroom.identity.accounts import Accounts, first_token
from strongroom.identity.model import NewAccount, Ties
from strongroom.kernel.clock import Clock, SystemClock
from strongroom.kernel.ids import Name
from strongroom.kernel.principal import Role
from strongroom.policy import Ask, Engine, Gate
from strongroom.providers import Networks, Providers
from strongroom.registry import Registry
from strongroom.registry.admission import Admission, RegistryKeys
from strongroom.registry.channels.memory import Memory
from strongroom.registry.channels.service import Channels
from strongroom.rules import Rules
from strongroom.store import Database, Dsn, Unavailable
from strongroom.store.follower import Follower
from strongroom.store.roles import CONTROL, Passwords
from strongroom.store.roles import OPERATOR as OPERATOR_ROLE
from strongroom.vault import Keyring, Keystore, Purpose, PurposeKeys, Vault

_FIRST_READ_S = 10.0
APPROVER: Final = Name("approver")
"""The account that a start can give a new token."""


@asynccontextmanager
async def installer(
    admin: Dsn,
    passwords: Passwords,
    keyring: Keyring,
    keystore: Keystore,
    memory: Memory,
    *,
    demo: bool,
    production: bool = False,
) -> AsyncGenerator[Seed, None]:
    """Yield what seeds the installation; `memory` is what this machine remembers of the channels.

    Raises:
        Unavailable: when the database cannot be read.
    """
    clock, keys = SystemClock(), keyring.derive(Purpose.KEY_PEPPER, Purpose.REGISTRY, Purpose.PROVIDER_SECRET)
    directory = Directory(keys, clock, allow_demo=demo)
    follower = Follower(
        passwords.login(CONTROL, admin), clock, lambda entries, full: directory.apply(entries, full=full)
    )
    database = await Database.connect(passwords.login(CONTROL, admin), passwords.login(OPERATOR_ROLE, admin), size=2)
    follower.start()
    try:
        if not await follower.ensure(_FIRST_READ_S):
            raise Unavailable("the database could not be read")
        gate = Gate(database, Engine.load(), clock)
        registry_keys = RegistryKeys(keys)
        admission = Admission(gate, registry_keys, clock, memory)
        yield Seed(
            Identity(gate, directory, keys, clock),
            own_accounts(gate, keys, clock, production=production),
            Registry(gate, clock, admission),
            admission,
            Channels(gate, admission, registry_keys, clock),
            directory,
            clock,
            gate,
            Rules(gate, clock),
            Providers(gate, Vault(keystore, clock), clock, Networks(), before=keys),
        )
    finally:
        await follower.close()
        await database.close()


def own_accounts(gate: Gate, keys: PurposeKeys, clock: Clock, *, production: bool) -> Accounts:
    """Return the accounts as a start sees them, which needs no second person for the first ones."""
    return Accounts(gate, keys, clock, production=production, installer=True)


def remembered(places: Layout, settings: Settings) -> Memory:
    """Return what this machine remembers of the channels, shared with the control process."""
    return Memory(places.channels, uid(settings, CONTROL_UID))


async def open_channels(seed: Seed, tell: Callable[[str], None]) -> None:
    """Sign the channels anew, which nobody could while nothing ran; one that cannot be believed is told, and left as it is."""
    for channel, trouble in (await seed.channels.renew(INSTALLER, Ask())).items():
        tell(
            f"Channel {channel} cannot be used: {trouble}. Nothing is admitted by it until `strongroom channel recover "
            f"{channel}`; what serves goes on."
        )


async def first_people(seed: Seed, options: Options, *, production: bool = False) -> None:
    """Make who is needed so that others can be made.

    Raises:
        CannotStart: when a token could not be shown.
    """
    await first_operator(seed, options.operator_token_file, production=production)
    if options.approver_token_file is not None:
        await approver_anew(seed.accounts, options.approver_token_file, production=production)


async def first_operator(seed: Seed, file: Path | None, *, production: bool = False) -> None:
    """Make an operator, and show its token once, when none has a living one: at the first start, after a restore.

    Raises:
        CannotStart: when there is no terminal to show it on and no file that can be made.
    """
    if seed.directory.has(Role.OPERATOR):
        return  # somebody can act, and can issue what anybody else needs
    with _shown(file) as show:  # before anything is issued: a token that cannot be shown would lock everybody out
        made = await _operators_token(seed, first_token() if production else None)
        show(made)


async def approver_anew(accounts: Accounts, file: Path, *, production: bool = False) -> None:
    """Give the account `approver` a token, written to `file`, and make it if it is not there: when all others are lost.

    Whoever owns the machine says so at a start. Through the API an approver takes another's word, of whom there may be none
    left. In production it counts as the first operator's does: for a day and here, to approve somebody's that is bound.

    Raises:
        CannotStart: when the file cannot be made, or the account of that name is for something else.
    """
    ties = first_token() if production else None
    with _shown(file, "--approver-token-file") as show:
        known = next((each for each in await accounts.list(INSTALLER, Ask()) if each.name == APPROVER), None)
        if known is not None and (known.demo or known.role is not Role.APPROVER):
            raise CannotStart(f"the account {APPROVER} is {known.role}'s; delete it first", USAGE)
        if known is None:
            show(await accounts.create(INSTALLER, APPROVER, Role.APPROVER, ties=ties, ask=Ask()))
        else:
            show(await accounts.reissue(INSTALLER, APPROVER, Ask(), ties=ties))


async def _operators_token(seed: Seed, ties: Ties | None) -> NewAccount:
    known = next((each for each in await seed.accounts.list(INSTALLER, Ask()) if each.name == OPERATOR), None)
    if known is None:
        return await seed.accounts.create(INSTALLER, OPERATOR, Role.OPERATOR, ties=ties, ask=Ask())
    if known.demo:
        raise CannotStart("this home is a demo, whose accounts count with --demo only; choose another --home", USAGE)
    return await seed.accounts.reissue(INSTALLER, OPERATOR, Ask(), ties=ties)


@contextmanager
def _shown(
    file: Path | None, option: str = "--operator-token-file"
) -> Generator[Callable[[NewAccount], None], None, None]:
    """Yield what shows a new token once: on the terminal, or in a file of mode 0600 made for it.

    Raises:
        CannotStart: when there is neither.
    """
    if file is None:
        if not sys.stdout.isatty():
            raise CannotStart(
                "no operator has a token that counts, and there is no terminal to show one on; start once in a terminal, "
                "or name a file with --operator-token-file (made 0600)",
                USAGE,
            )
        yield _print_once
        return
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotStart(f"{option} {file}: {error.strerror}; name a file that can be made", USAGE) from None
    try:
        with os.fdopen(descriptor, "w") as target:
            yield lambda made: _write(target, made)
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def _print_once(made: NewAccount) -> None:
    """Show a token on the terminal."""
    sys.stdout.write(f"\nOperator token, shown once (until {made.expires_at:%Y-%m-%d %H:%MZ}): {made.token}\n")
    if made.exception is not None:
        sys.stdout.write(
            "It counts on this machine only. Make one that is bound with it: docs/how-to/without-the-demo.md.\n"
        )
    sys.stdout.write("\n")


def _write(target: TextIO, made: NewAccount) -> None:
    target.write(made.token + "\n")
    target.flush()
    os.fsync(target.fileno())
