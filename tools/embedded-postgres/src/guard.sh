# Runs a server until it ends, or until our input ends: then whoever started us is gone, even by SIGKILL, or asks for
# the end. Says the process id of the server on descriptor 3.
# Arguments: <signal> <tenths of a second until SIGKILL> <folder to remove> <program> [argument ...]
signal=$1 tenths=$2 remove=$3
shift 3
unset SERVER_GUARD
exec 4<&0
"$@" </dev/null 3>&- 4<&- &
server=$!
echo "$server" >&3
# What follows is said by the shell, not by the server.
exec 3>&- 2>/dev/null
children() {
  [ -d /proc/self ] || pgrep -P $server
  for file in /proc/[0-9]*/stat; do
    read -r line <"$file" || continue
    set -- ${line##*) }
    [ "$2" != $server ] || echo "${line%% *}"
  done
}
(
  read -r end
  # From here on the server ends because it was asked to: this part then ends with 0.
  trap 'exit 0' TERM
  kill -"$signal" $server
  # A stopped process only keeps the signal for later.
  kill -CONT $server $(children)
  while [ $tenths -gt 0 ] && sleep 0.1; do tenths=$((tenths - 1)); done
  # Asleep it starts no further child while we look.
  kill -STOP $server
  kill -KILL $server $(children)
  exit 0
) <&4 &
watcher=$!
exec 4<&-
wait $server
code=$?
kill $watcher
if wait $watcher && [ -n "$remove" ]; then rm -rf "$remove"; fi
exit $code
