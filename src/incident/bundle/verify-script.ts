/** The script that verifies a bundle on any machine: POSIX sh and its usual tools, sha256sum and openssl, none of them ours. */

/** Names of the files that the manifest cannot list: itself, and its signature. */
export const manifestFile = 'MANIFEST.sha256'
/** The Ed25519 signature of the manifest: 64 bytes. */
export const signatureFile = 'MANIFEST.sig'
/** The public key that belongs to the signature. */
export const publicKeyFile = 'public-key.pem'
/** The signed checkpoint of the audit log, a compact JWS (RFC 7515). */
export const checkpointFile = 'evidence/checkpoint.jws'

/** The text of `verify.sh`. */
export const verifyScript = `#!/bin/sh
# Verifies this bundle. Needs sh, find, sed, sort, awk, cmp, sha256sum, and openssl 3.0 or later. Nothing of Torwart.
#
#   sh verify.sh                 with the public key in this bundle: shows that nothing was changed since it was signed,
#                                and says which key signed. Compare its fingerprint with one that you got elsewhere.
#   sh verify.sh OTHER-KEY.pem   with a public key that was kept elsewhere: shows who signed it, too.
#
# Exit codes: 0 verified; 1 changed, incomplete or wrongly signed; 2 unchanged by its hashes, but nobody has signed it.
set -u
LC_ALL=C
export LC_ALL
bad() {
  echo "BAD: $*" >&2
  exit 1
}
case "$\{1:-}" in
  '') key='' ;;
  /*) key=$1 ;;
  *) key=$PWD/$1 ;;
esac
cd "$(dirname "$0")" || bad "cannot enter the folder of this script"
work=$(mktemp -d) || bad "cannot make a temporary folder"
trap 'rm -rf "$work"' EXIT

[ -f ${manifestFile} ] || bad "there is no ${manifestFile}"
[ -z "$(find . ! -type f ! -type d)" ] || bad "there is something that is neither a file nor a folder"
find . -type f ! -path './${manifestFile}' ! -path './${signatureFile}' | sed 's|^\\./||' | sort > "$work/names"
while IFS= read -r name; do
  sha256sum -- "$name" || bad "cannot read $name"
done < "$work/names" > "$work/manifest"
if ! cmp -s "$work/manifest" ${manifestFile}; then
  diff "$work/manifest" ${manifestFile} >&2
  bad "files and manifest differ (< as found, > as listed)"
fi
echo "$(wc -l < ${manifestFile} | tr -d ' ') files have the hashes of the manifest."

verify() { # key, signed file, signature
  openssl pkeyutl -verify -pubin -inkey "$1" -rawin -in "$2" -sigfile "$3" > /dev/null 2>&1
}
if [ ! -f ${signatureFile} ]; then
  [ -z "$key" ] || bad "this bundle is not signed"
  echo "NOT SIGNED: hashes alone show accidents, not intent. Whoever changed a file could change the manifest with it."
  echo "SHA-256 of the manifest, to be compared with the one in the audit log: $(sha256sum < ${manifestFile} | cut -d ' ' -f 1)"
  exit 2
fi
[ -n "$key" ] || key=${publicKeyFile}
[ -f "$key" ] || bad "there is no public key $key"
# A file may hold several keys, one for each time that the key of the log was made anew.
awk -v out="$work/key." '/BEGIN PUBLIC KEY/ { n++ } n { print > (out n) }' "$key"
signer=''
for each in "$work"/key.*; do
  verify "$each" ${manifestFile} ${signatureFile} && signer=$each && break
done
[ -n "$signer" ] || bad "the manifest was not signed with this key"
print=$(openssl pkey -pubin -in "$signer" -outform DER 2> /dev/null | sha256sum | cut -d ' ' -f 1)
echo "The manifest is signed with the key whose SHA-256 (of its DER form) is $print."

if [ -f ${checkpointFile} ]; then
  jws=$(cat ${checkpointFile})
  printf '%s' "$\{jws%.*}" > "$work/signed"
  encoded=$(printf '%s' "$\{jws##*.}" | tr '_-' '/+')
  while [ $((\${#encoded} % 4)) -ne 0 ]; do encoded=$encoded=; done
  printf '%s' "$encoded" | openssl base64 -d -A > "$work/signature"
  verify "$signer" "$work/signed" "$work/signature" || bad "the checkpoint of the audit log was not signed with this key"
  echo "The checkpoint of the audit log is signed with the same key."
fi
[ "$key" != ${publicKeyFile} ] || echo "The key is the one in this bundle: compare its fingerprint with one from elsewhere."
echo "Verified."
`
