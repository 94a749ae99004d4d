#!/bin/sh
# Makes the certificates of the tests: an authority, a server's for secure.test and 127.0.0.1, one that has expired, and one of
# nobody's. Run it in this folder; the keys are worth nothing. `openssl ca` is used since it alone can set the first day.
set -e
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/ca.conf" <<END
[ca]
default_ca = tests
[tests]
database = $work/index
serial = $work/serial
new_certs_dir = $work
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[authority]
basicConstraints = critical,CA:true
subjectKeyIdentifier = hash
[server]
subjectAltName = DNS:secure.test,IP:127.0.0.1
[none]
END
: > "$work/index"
echo 1000 > "$work/serial"
first=20200101000000Z
last=21200101000000Z
key() { openssl ecparam -name prime256v1 -genkey -noout; }
request() { openssl req -new -key "$work/$1.key" -subj "/CN=$2" -out "$work/$1.csr"; }
sign() { openssl ca -batch -notext -config "$work/ca.conf" -startdate $first "$@"; }
for name in ca server; do key > "$work/$name.key"; done
request ca 'winnow tests'
request server secure.test
sign -enddate $last -selfsign -keyfile "$work/ca.key" -extensions authority -in "$work/ca.csr" -out ca.pem
authority="-keyfile $work/ca.key -cert ca.pem"
sign -enddate $last $authority -extensions server -in "$work/server.csr" -out "$work/server.crt"
sign -enddate 20210101000000Z $authority -extensions server -in "$work/server.csr" -out "$work/expired.crt"
sign -enddate $last -selfsign -keyfile "$work/server.key" -extensions server -in "$work/server.csr" -out "$work/self.crt"
for name in server expired self; do cat "$work/server.key" "$work/$name.crt" > $name.pem; done
