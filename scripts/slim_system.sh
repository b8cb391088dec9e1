#!/bin/sh
# Takes out of a Debian with Python what the platform's images never use: package managers, caches, translations, manuals.
# Licences and the list of what is installed stay. For a build stage; nothing can be installed afterwards.
set -eu
python3 -m pip uninstall --yes --quiet --root-user-action ignore pip setuptools wheel
# By the package manager itself, so that its list, which scanners read, is right. What it does not know or cannot take out
# stays. Nobody who is left needs them: accounts, disks and mounts are the host's matter.
for package in apt libapt-pkg6.0 adduser gpgv libgnutls30 libhogweed6 libnettle8 libp11-kit0 libidn2-0 libunistring2 \
  login passwd libpam-modules-bin mount util-linux-extra util-linux e2fsprogs libext2fs2 libss2 logsave \
  python3-venv python3.11-venv python3-pip-whl python3-setuptools-whl python3-distutils python3-lib2to3 debconf perl-base; do
  dpkg --purge --force-depends --force-remove-essential --no-triggers "$package" >/dev/null 2>&1 || true
done
rm -rf /usr/lib/*/gconv # for programs in C that change encodings
rm -rf /var/cache/* /var/lib/apt /var/log/* /usr/share/locale /usr/share/man /usr/share/info /usr/share/python-wheels
for library in /usr/lib/python3.11 /usr/local/lib/python3.11; do
  rm -rf "$library"/ensurepip "$library"/idlelib "$library"/tkinter "$library"/turtledemo "$library"/lib2to3 "$library"/pydoc_data
done
rm -f /slim_system.sh
