"""The configuration's `[storage]`: buckets as folders, and where their keys come from.

Pure. The structs are those that `mounts.create` takes as well, so that a mount in the file and one
that is asked for are written alike. What may be in one of them is said here; what it means is said
in the storage room. No struct but `StaticCredentials` holds a secret, and that one shows none.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from agentd.base.egress_config import EgressConfig

Name = Annotated[str, Meta(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
AbsolutePath = Annotated[str, Meta(pattern=r"^/[^\x00]*$", max_length=4096)]
VariableName = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128)]
HttpsUrl = Annotated[str, Meta(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$", max_length=2048)]


class _Source(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="source"
):
    """What all sources of credentials have in common."""


class StaticCredentials(_Source, frozen=True, tag="static"):
    """A key pair as it is. Nothing but its last four characters is ever shown."""

    access_key_id: Annotated[str, Meta(min_length=1, max_length=256)]
    secret_access_key: Annotated[str, Meta(min_length=1, max_length=1024)]
    session_token: Annotated[str, Meta(max_length=16384)] = ""

    def __repr__(self) -> str:
        return f"StaticCredentials(access_key_id='…{self.access_key_id[-4:]}')"


class FileCredentials(_Source, frozen=True, tag="file"):
    """A file: JSON as a credential process prints it, or INI with profiles as of AWS.

    Give `path`, or `credential`: the name of a systemd credential (systemd.exec(5)).
    """

    path: Annotated[str, Meta(pattern=r"^$|^/[^\x00]*$", max_length=4096)] = ""
    credential: Annotated[str, Meta(pattern=r"^$|^[A-Za-z0-9_.-]{1,255}$")] = ""
    profile: Annotated[str, Meta(min_length=1, max_length=128)] = "default"


class EnvironmentCredentials(_Source, frozen=True, tag="env"):
    """Variables of the daemon's environment, by name; no child of the daemon gets them."""

    access_key_id: VariableName = "AWS_ACCESS_KEY_ID"
    secret_access_key: VariableName = "AWS_SECRET_ACCESS_KEY"
    session_token: VariableName = "AWS_SESSION_TOKEN"


class ProcessCredentials(_Source, frozen=True, tag="process"):
    """A program that prints keys as JSON (AWS: sourcing credentials with an external process)."""

    argv: Annotated[tuple[str, ...], Meta(min_length=1, max_length=64)]
    timeout_s: Annotated[float, Meta(gt=0, le=120)] = 20.0


class ProfileCredentials(_Source, frozen=True, tag="profile"):
    """A profile of AWS's shared files: keys, a program, a role, or single sign-on."""

    profile: Annotated[str, Meta(min_length=1, max_length=128)] = "default"
    config_file: Annotated[str, Meta(pattern=r"^$|^/[^\x00]*$", max_length=4096)] = ""
    credentials_file: Annotated[str, Meta(pattern=r"^$|^/[^\x00]*$", max_length=4096)] = ""


class ImdsCredentials(_Source, frozen=True, tag="imds"):
    """The role of the EC2 instance, from its metadata service, version 2."""

    endpoint: HttpsUrl = "http://169.254.169.254"
    role: Annotated[str, Meta(pattern=r"^[A-Za-z0-9+=,.@_-]{0,64}$")] = ""


class ContainerCredentials(_Source, frozen=True, tag="container"):
    """The endpoint that ECS and EKS give to a container. "": from the usual variables."""

    url: Annotated[str, Meta(pattern=r"^$|^https?://[^\s?#@]+", max_length=2048)] = ""
    token_file: Annotated[str, Meta(pattern=r"^$|^/[^\x00]*$", max_length=4096)] = ""


class WebIdentityCredentials(_Source, frozen=True, tag="web_identity"):
    """A role that is taken with a token from a file, read anew each time."""

    role_arn: Annotated[str, Meta(min_length=1, max_length=2048)]
    token_file: AbsolutePath
    session_name: Annotated[str, Meta(pattern=r"^[\w+=,.@-]{2,64}$")] = "agentd"
    duration_s: Annotated[int, Meta(ge=900, le=43_200)] = 3600
    sts_endpoint: Annotated[str, Meta(pattern=r"^$|^https?://[^\s?#@]+", max_length=2048)] = ""


class BrokerCredentials(_Source, frozen=True, tag="broker"):
    """A service of yours that lends short-lived keys, or that signs and forwards requests.

    `lend`: GET of `url` answers JSON with AccessKeyId, SecretAccessKey, Token and Expiration.
    `forward`: the daemon has no key at all; requests go to `url` unsigned.
    """

    url: HttpsUrl
    mode: Literal["lend", "forward"] = "lend"
    token_file: Annotated[str, Meta(pattern=r"^$|^/[^\x00]*$", max_length=4096)] = ""


# What a role can be taken with: anything but another role, which AWS limits to one hour anyway.
BaseCredentials = (
    StaticCredentials
    | FileCredentials
    | EnvironmentCredentials
    | ProcessCredentials
    | ProfileCredentials
    | ImdsCredentials
    | ContainerCredentials
    | WebIdentityCredentials
    | BrokerCredentials
)


class AssumeRoleCredentials(_Source, frozen=True, tag="assume_role"):
    """A role, taken with other credentials and narrowed to the mount by a session policy."""

    role_arn: Annotated[str, Meta(min_length=1, max_length=2048)]
    base: BaseCredentials
    external_id: Annotated[str, Meta(max_length=1224)] = ""
    session_name: Annotated[str, Meta(pattern=r"^[\w+=,.@-]{2,64}$")] = "agentd"
    duration_s: Annotated[int, Meta(ge=900, le=43_200)] = 3600
    sts_endpoint: Annotated[str, Meta(pattern=r"^$|^https?://[^\s?#@]+", max_length=2048)] = ""


CredentialsConfig = BaseCredentials | AssumeRoleCredentials


class Quota(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Hard stops of one mount, counted since the daemon began; null is no limit."""

    upload_bytes: Annotated[int, Meta(ge=0)] | None = None
    download_bytes: Annotated[int, Meta(ge=0)] | None = None
    requests: Annotated[int, Meta(ge=0)] | None = None


class MountConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One bucket, or a part of one, as a folder.

    `endpoint` or `provider`; with neither, AWS. `region` "": the provider's own, or learnt.
    """

    name: Name
    bucket: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$")]
    path: AbsolutePath
    provider: Literal["", "aws", "r2", "gcs", "b2", "minio", "ceph", "s3"] = ""
    account: Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{0,64}$")] = ""
    jurisdiction: Literal["", "eu", "fedramp"] = ""
    endpoint: Annotated[str, Meta(pattern=r"^$|^https?://[^\s/?#@]+(/[^\s?#]*)?$")] = ""
    region: Annotated[str, Meta(pattern=r"^[a-z0-9-]{0,64}$")] = ""
    addressing: Literal["auto", "path", "virtual"] = "auto"
    prefix: Annotated[str, Meta(max_length=900)] = ""
    read_only: bool = False
    driver: Literal["s3fs", "rclone", "mountpoint-s3", "geesefs"] = "s3fs"
    driver_options: dict[str, str | bool | int] = {}
    credentials: CredentialsConfig = EnvironmentCredentials()
    ca_file: Annotated[str, Meta(pattern=r"^$|^/[^\x00]*$", max_length=4096)] = ""
    quota: Quota = Quota()


class StorageConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Buckets as folders, and the guarded way out."""

    mount_roots: tuple[AbsolutePath, ...] = ("/mnt", "/media", "/srv", "/home")
    allow_addresses: tuple[str, ...] = ()
    mounts: tuple[MountConfig, ...] = ()
    egress: EgressConfig = EgressConfig()
