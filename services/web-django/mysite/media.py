"""The storage of pictures: a volume, or S3-compatible storage, according to one variable."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlsplit

from landfast_runtime.addresses import web_address
from landfast_runtime.env import ConfigError

if TYPE_CHECKING:
    from landfast_runtime.env import Env

VARIABLE = "MEDIA_STORAGE"
OPTIONS = frozenset({"endpoint", "region", "public"})

#: Names of pictures are random and never used twice, so pictures may be cached for ever.
CACHE_CONTROL = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class MediaStorage:
    """The volume, or with a bucket S3.

    Args:
        bucket: the bucket's name; empty for the volume.
        endpoint: the S3 server, unless it is Amazon's.
        region: its region.
        public: the public address of pictures, if it is not the endpoint's (for example, a CDN).
        access_key: the access key; without it boto3 uses its default sources (for example, a machine's role).
        secret_key: the secret key.
    """

    bucket: str = ""
    endpoint: str = ""
    region: str = ""
    public: str = ""
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)

    @classmethod
    def from_env(cls, env: Env) -> Self:
        """Read ``MEDIA_STORAGE`` and, for S3, the secrets ``s3_access_key`` and ``s3_secret_key`` if they exist.

        Raises:
            ConfigError: the variable is invalid, or one key is there without the other.
        """
        value = env.text("MEDIA_STORAGE", default="file")
        if value == "file":
            return cls()
        access_key = env.optional_secret("s3_access_key", minimum_length=3)
        secret_key = env.optional_secret("s3_secret_key", minimum_length=8)
        if (access_key is None) != (secret_key is None):
            raise ConfigError("s3_secret_key", "s3_access_key and s3_secret_key go together, one of them is missing")
        return cls(**_parsed(value), access_key=access_key, secret_key=secret_key)

    @property
    def origin(self) -> str | None:
        """The foreign origin of pictures, for the content security policy."""
        if not self.bucket:
            return None
        parts = urlsplit(self._address)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def _address(self) -> str:
        """The prefix of pictures' public addresses."""
        if self.public:
            return self.public
        if self.endpoint:
            return f"{self.endpoint}/{self.bucket}"
        return f"https://{self.bucket}.s3.{self.region}.amazonaws.com"

    def backend(self) -> dict[str, Any]:
        """Return the entry ``default`` of Django's ``STORAGES``; the volume's directory is ``MEDIA_ROOT``."""
        if not self.bucket:
            # The pages' service and the worker are different users of one group, and both write and delete. Folders
            # pass the group on (the 2); otherwise new files would belong to their creator's group.
            modes = {"file_permissions_mode": 0o664, "directory_permissions_mode": 0o2775}
            return {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": modes}
        address = urlsplit(self._address)
        options = {
            "bucket_name": self.bucket,
            "region_name": self.region,
            "endpoint_url": self.endpoint or None,
            "access_key": self.access_key,
            "secret_key": self.secret_key,
            "addressing_style": "path" if self.endpoint else "virtual",
            "signature_version": "s3v4",
            # Addresses without a signature do not change, so that pages and pictures can be cached.
            "querystring_auth": False,
            "custom_domain": f"{address.netloc}{address.path}",
            "url_protocol": f"{address.scheme}:",
            "default_acl": None,
            "file_overwrite": False,
            "object_parameters": {"CacheControl": CACHE_CONTROL},
        }
        return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}


def _parsed(value: str) -> dict[str, str]:
    """Parse ``s3://bucket?endpoint=…&region=…&public=…``."""
    example = "must be empty, file, or like s3://bucket?endpoint=https://s3.example.org&region=eu-1"
    parts = urlsplit(value)
    try:
        options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    except ValueError:
        raise ConfigError(VARIABLE, f"is {value!r}, {example}") from None
    if parts.scheme != "s3" or not parts.netloc or parts.path.strip("/"):
        raise ConfigError(VARIABLE, f"is {value!r}, {example}")
    unknown = sorted(set(options) - OPTIONS)
    if unknown:
        raise ConfigError(VARIABLE, f"has {', '.join(unknown)}, knows {', '.join(sorted(OPTIONS))}")
    for name in [name for name in ("endpoint", "public") if name in options]:
        try:
            web_address(options[name])
        except ValueError as error:
            raise ConfigError(VARIABLE, f"{name} is {options[name]!r}: {error}") from None
    return {
        "bucket": parts.netloc,
        "endpoint": options.get("endpoint", "").rstrip("/"),
        "region": options.get("region", "us-east-1"),
        "public": options.get("public", "").rstrip("/"),
    }
