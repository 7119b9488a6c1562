#!/usr/bin/env bash
# A walk through the REST interface with nothing but curl.
#
#   examples/curl.sh [http://127.0.0.1:4000]
#
# Registers two users with random names in the tenant "default", so it can be run again and again.
set -euo pipefail

url="${1:-http://127.0.0.1:4000}/api/v1"
name="$$-$RANDOM"
password="a password of some length"

step() {
  printf '\n== %s\n' "$1"
}

# call METHOD PATH [TOKEN [JSON]]: one request; prints it and its answer, and keeps the answer in $answer.
# An answer that is no success ends the script.
call() {
  local method="$1" path="$2" token="${3:-}" body="${4:-}"
  local arguments=(--silent --show-error --fail-with-body --request "$method" "$url$path")
  if [[ -n "$token" ]]; then arguments+=(--header "authorization: Bearer $token"); fi
  if [[ -n "$body" ]]; then arguments+=(--header "content-type: application/json" --data "$body"); fi
  printf '%s %s %s\n' "$method" "$path" "$body"
  answer="$(curl "${arguments[@]}")" || { printf '%s\n' "$answer" >&2; exit 1; }
  printf '%s\n' "$answer"
}

# field NAME: the first text field of this name in the last answer. (For more than this, use jq.)
field() {
  [[ "$answer" =~ \"$1\":\"([^\"]*)\" ]] && printf '%s' "${BASH_REMATCH[1]}"
}

step "Register ann"
call POST /auth/register "" "{\"username\":\"ann-$name\",\"password\":\"$password\"}"
ann="$(field token)"

step "Register bob"
call POST /auth/register "" "{\"username\":\"bob-$name\",\"password\":\"$password\"}"
bob="$(field token)"

step "Sign in again"
call POST /auth/login "" "{\"username\":\"ann-$name\",\"password\":\"$password\"}"
second="$(field token)"

step "Who is bob?"
call GET /auth/me "$bob"
bob_id="$(field id)"

step "Rooms"
call GET /rooms "$ann"

step "Create a room"
call POST /rooms "$ann" "{\"name\":\"Book club $name\",\"description\":\"One book a month\"}"
room="$(field slug)"

step "bob joins it"
call POST "/rooms/$room/join" "$bob"

step "The room and its members"
call GET "/rooms/$room" "$ann"

step "ann writes; whoever is connected to the room sees it at once"
call POST "/rooms/$room/messages" "$ann" '{"content":"What shall we read?"}'
question="$(field id)"

step "bob answers"
call POST "/rooms/$room/messages" "$bob" "{\"content\":\"Moby-Dick\",\"reply_to\":\"$question\"}"

step "The newest message"
call GET "/rooms/$room/messages?limit=1" "$ann"
newest="$(field id)"

step "What was before it"
call GET "/rooms/$room/messages?limit=10&before_id=$newest" "$ann"

step "A direct conversation"
call POST /dm "$ann" "{\"user_id\":\"$bob_id\"}"
dm="$(field id)"
call POST "/dm/$dm/messages" "$ann" '{"content":"Just between us"}'
call GET "/dm/$dm/messages" "$bob"
call GET /dm "$bob"

step "bob leaves, ann deletes the room"
call DELETE "/rooms/$room/leave" "$bob"
call DELETE "/rooms/$room" "$ann"

step "Log out: the token is worth nothing any more"
call DELETE /auth/logout "$second"
status="$(curl --silent --output /dev/null --write-out '%{http_code}' \
  --header "authorization: Bearer $second" "$url/auth/me")"
printf 'GET /auth/me is answered %s\n' "$status"
[[ "$status" == 401 ]]

printf '\nDone.\n'
