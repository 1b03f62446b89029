"""Images that seem to have been built long ago."""

#: A package of the base that has had a security update, and that no other package needs in a certain version.
AGED = "openssl-provider-legacy"
#: The command, run as root in an image, that makes its version in the list of packages older.
AGE = rf"sed -i '/^Package: {AGED}$/,/^$/ s/^Version: .*/Version: 3.0.1-1/' /var/lib/dpkg/status"
