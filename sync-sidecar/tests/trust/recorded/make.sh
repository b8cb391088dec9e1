#!/bin/sh
# Makes the examples anew, in the current folder; `model_signing` is on the PATH.
set -eu
mkdir -p model/more
printf 'no real model\n' >model/model.onnx
printf 'car\nno car\n' >model/more/labels.txt
(cd model && sha256sum model.onnx more/labels.txt >SHA256SUMS)

key() { openssl ecparam -name "$1" -genkey -noout -out "$2.key"; }
issue() { # NAME ISSUER EXTENSION...
  name=$1 issuer=$2
  shift 2
  printf '%s\n' "$@" >extensions
  key prime256v1 "$name"
  openssl req -new -key "$name.key" -subj "/CN=$name" -out request
  openssl x509 -req -in request -CA "$issuer.pem" -CAkey "$issuer.key" -days 3650 -extfile extensions -out "$name.pem"
}

for curve in prime256v1:p256 secp384r1:p384; do
  name=${curve#*:}
  key "${curve%:*}" "$name"
  openssl ec -in "$name.key" -pubout -out "$name.pub"
  model_signing sign key model --private_key "$name.key" --signature "$name.sig"
done
key prime256v1 root
openssl req -x509 -new -key root.key -subj /CN=root -days 3650 -out root.pem
issue between root basicConstraints=critical,CA:TRUE keyUsage=critical,keyCertSign
issue signer between basicConstraints=CA:FALSE keyUsage=digitalSignature extendedKeyUsage=codeSigning
model_signing sign certificate model --private_key signer.key --signing_certificate signer.pem \
  --certificate_chain between.pem --signature chain.sig
date -u +%s >made.txt
rm -f ./*.key request extensions between.pem signer.pem
