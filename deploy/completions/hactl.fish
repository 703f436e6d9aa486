# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_hactl_global_optspecs
    string join \n socket-dir= url= token-file= o/output= h/help V/version
end

function __fish_hactl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_hactl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_hactl_using_subcommand
    set -l cmd (__fish_hactl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c hactl -n "__fish_hactl_needs_command" -l socket-dir -d 'Directory of the node\'s Unix sockets (`admin.socket_dir`)' -r -F
complete -c hactl -n "__fish_hactl_needs_command" -l url -d 'Reach the node over TCP instead (`admin.listen`), as http://HOST:PORT' -r
complete -c hactl -n "__fish_hactl_needs_command" -l token-file -d 'File with the bearer token for --url (a copy of the node\'s `admin.token_file`)' -r -F
complete -c hactl -n "__fish_hactl_needs_command" -s o -l output -d 'How results are printed' -r -f -a "table\t'For people'
json\t'For programs'"
complete -c hactl -n "__fish_hactl_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hactl -n "__fish_hactl_needs_command" -s V -l version -d 'Print version'
complete -c hactl -n "__fish_hactl_needs_command" -f -a "status" -d 'Show the node: virtual IPs, peers, listeners, servers'
complete -c hactl -n "__fish_hactl_needs_command" -f -a "failover" -d 'Move virtual IPs to another node, or take them over'
complete -c hactl -n "__fish_hactl_needs_command" -f -a "failback" -d 'Bring virtual IPs home: to the node with the highest priority in the file'
complete -c hactl -n "__fish_hactl_needs_command" -f -a "why" -d 'Say why a virtual IP is where it is, and what would happen next'
complete -c hactl -n "__fish_hactl_needs_command" -f -a "vip" -d 'Look at virtual IPs in detail'
complete -c hactl -n "__fish_hactl_needs_command" -f -a "node" -d 'Take this node out of service and back'
complete -c hactl -n "__fish_hactl_needs_command" -f -a "pause" -d 'Suspend automatic failover on this node: it takes over only by command, or from a node that gives a virtual IP up'
complete -c hactl -n "__fish_hactl_needs_command" -f -a "resume" -d 'Allow automatic failover on this node again'
complete -c hactl -n "__fish_hactl_needs_command" -f -a "drill" -d 'Move a virtual IP to another node and back, measure what clients would see, store a report'
complete -c hactl -n "__fish_hactl_needs_command" -f -a "events" -d 'Show what happened on the node'
complete -c hactl -n "__fish_hactl_needs_command" -f -a "config" -d 'Check, reload or show the configuration'
complete -c hactl -n "__fish_hactl_needs_command" -f -a "server" -d 'Take a server out of service and back, or change its weight'
complete -c hactl -n "__fish_hactl_needs_command" -f -a "completions" -d 'Print a shell\'s completion script'
complete -c hactl -n "__fish_hactl_needs_command" -f -a "man" -d 'Write the man pages into a directory'
complete -c hactl -n "__fish_hactl_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hactl -n "__fish_hactl_using_subcommand status" -l socket-dir -d 'Directory of the node\'s Unix sockets (`admin.socket_dir`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand status" -l url -d 'Reach the node over TCP instead (`admin.listen`), as http://HOST:PORT' -r
complete -c hactl -n "__fish_hactl_using_subcommand status" -l token-file -d 'File with the bearer token for --url (a copy of the node\'s `admin.token_file`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand status" -s o -l output -d 'How results are printed' -r -f -a "table\t'For people'
json\t'For programs'"
complete -c hactl -n "__fish_hactl_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hactl -n "__fish_hactl_using_subcommand status" -s V -l version -d 'Print version'
complete -c hactl -n "__fish_hactl_using_subcommand failover" -l to -d 'The node that shall hold it' -r
complete -c hactl -n "__fish_hactl_using_subcommand failover" -l timeout -d 'Longest wait, such as 500ms or 10s' -r
complete -c hactl -n "__fish_hactl_using_subcommand failover" -l socket-dir -d 'Directory of the node\'s Unix sockets (`admin.socket_dir`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand failover" -l url -d 'Reach the node over TCP instead (`admin.listen`), as http://HOST:PORT' -r
complete -c hactl -n "__fish_hactl_using_subcommand failover" -l token-file -d 'File with the bearer token for --url (a copy of the node\'s `admin.token_file`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand failover" -s o -l output -d 'How results are printed' -r -f -a "table\t'For people'
json\t'For programs'"
complete -c hactl -n "__fish_hactl_using_subcommand failover" -l dry-run -d 'Say what would be done, and do nothing'
complete -c hactl -n "__fish_hactl_using_subcommand failover" -l wait -d 'Wait until the virtual IP has moved'
complete -c hactl -n "__fish_hactl_using_subcommand failover" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hactl -n "__fish_hactl_using_subcommand failover" -s V -l version -d 'Print version'
complete -c hactl -n "__fish_hactl_using_subcommand failback" -l socket-dir -d 'Directory of the node\'s Unix sockets (`admin.socket_dir`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand failback" -l url -d 'Reach the node over TCP instead (`admin.listen`), as http://HOST:PORT' -r
complete -c hactl -n "__fish_hactl_using_subcommand failback" -l token-file -d 'File with the bearer token for --url (a copy of the node\'s `admin.token_file`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand failback" -s o -l output -d 'How results are printed' -r -f -a "table\t'For people'
json\t'For programs'"
complete -c hactl -n "__fish_hactl_using_subcommand failback" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hactl -n "__fish_hactl_using_subcommand failback" -s V -l version -d 'Print version'
complete -c hactl -n "__fish_hactl_using_subcommand why" -l socket-dir -d 'Directory of the node\'s Unix sockets (`admin.socket_dir`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand why" -l url -d 'Reach the node over TCP instead (`admin.listen`), as http://HOST:PORT' -r
complete -c hactl -n "__fish_hactl_using_subcommand why" -l token-file -d 'File with the bearer token for --url (a copy of the node\'s `admin.token_file`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand why" -s o -l output -d 'How results are printed' -r -f -a "table\t'For people'
json\t'For programs'"
complete -c hactl -n "__fish_hactl_using_subcommand why" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hactl -n "__fish_hactl_using_subcommand why" -s V -l version -d 'Print version'
complete -c hactl -n "__fish_hactl_using_subcommand vip; and not __fish_seen_subcommand_from show help" -l socket-dir -d 'Directory of the node\'s Unix sockets (`admin.socket_dir`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand vip; and not __fish_seen_subcommand_from show help" -l url -d 'Reach the node over TCP instead (`admin.listen`), as http://HOST:PORT' -r
complete -c hactl -n "__fish_hactl_using_subcommand vip; and not __fish_seen_subcommand_from show help" -l token-file -d 'File with the bearer token for --url (a copy of the node\'s `admin.token_file`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand vip; and not __fish_seen_subcommand_from show help" -s o -l output -d 'How results are printed' -r -f -a "table\t'For people'
json\t'For programs'"
complete -c hactl -n "__fish_hactl_using_subcommand vip; and not __fish_seen_subcommand_from show help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hactl -n "__fish_hactl_using_subcommand vip; and not __fish_seen_subcommand_from show help" -s V -l version -d 'Print version'
complete -c hactl -n "__fish_hactl_using_subcommand vip; and not __fish_seen_subcommand_from show help" -f -a "show" -d 'Show timers, counters, and what each tracker contributes'
complete -c hactl -n "__fish_hactl_using_subcommand vip; and not __fish_seen_subcommand_from show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hactl -n "__fish_hactl_using_subcommand vip; and __fish_seen_subcommand_from show" -l socket-dir -d 'Directory of the node\'s Unix sockets (`admin.socket_dir`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand vip; and __fish_seen_subcommand_from show" -l url -d 'Reach the node over TCP instead (`admin.listen`), as http://HOST:PORT' -r
complete -c hactl -n "__fish_hactl_using_subcommand vip; and __fish_seen_subcommand_from show" -l token-file -d 'File with the bearer token for --url (a copy of the node\'s `admin.token_file`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand vip; and __fish_seen_subcommand_from show" -s o -l output -d 'How results are printed' -r -f -a "table\t'For people'
json\t'For programs'"
complete -c hactl -n "__fish_hactl_using_subcommand vip; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hactl -n "__fish_hactl_using_subcommand vip; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c hactl -n "__fish_hactl_using_subcommand vip; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show timers, counters, and what each tracker contributes'
complete -c hactl -n "__fish_hactl_using_subcommand vip; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hactl -n "__fish_hactl_using_subcommand node; and not __fish_seen_subcommand_from drain maint ready help" -l socket-dir -d 'Directory of the node\'s Unix sockets (`admin.socket_dir`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand node; and not __fish_seen_subcommand_from drain maint ready help" -l url -d 'Reach the node over TCP instead (`admin.listen`), as http://HOST:PORT' -r
complete -c hactl -n "__fish_hactl_using_subcommand node; and not __fish_seen_subcommand_from drain maint ready help" -l token-file -d 'File with the bearer token for --url (a copy of the node\'s `admin.token_file`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand node; and not __fish_seen_subcommand_from drain maint ready help" -s o -l output -d 'How results are printed' -r -f -a "table\t'For people'
json\t'For programs'"
complete -c hactl -n "__fish_hactl_using_subcommand node; and not __fish_seen_subcommand_from drain maint ready help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hactl -n "__fish_hactl_using_subcommand node; and not __fish_seen_subcommand_from drain maint ready help" -s V -l version -d 'Print version'
complete -c hactl -n "__fish_hactl_using_subcommand node; and not __fish_seen_subcommand_from drain maint ready help" -f -a "drain" -d 'Leave the virtual IPs to others, and hold one only while nobody else does'
complete -c hactl -n "__fish_hactl_using_subcommand node; and not __fish_seen_subcommand_from drain maint ready help" -f -a "maint" -d 'Hold no virtual IP, even if nobody else does'
complete -c hactl -n "__fish_hactl_using_subcommand node; and not __fish_seen_subcommand_from drain maint ready help" -f -a "ready" -d 'Take part again'
complete -c hactl -n "__fish_hactl_using_subcommand node; and not __fish_seen_subcommand_from drain maint ready help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hactl -n "__fish_hactl_using_subcommand node; and __fish_seen_subcommand_from drain" -l socket-dir -d 'Directory of the node\'s Unix sockets (`admin.socket_dir`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand node; and __fish_seen_subcommand_from drain" -l url -d 'Reach the node over TCP instead (`admin.listen`), as http://HOST:PORT' -r
complete -c hactl -n "__fish_hactl_using_subcommand node; and __fish_seen_subcommand_from drain" -l token-file -d 'File with the bearer token for --url (a copy of the node\'s `admin.token_file`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand node; and __fish_seen_subcommand_from drain" -s o -l output -d 'How results are printed' -r -f -a "table\t'For people'
json\t'For programs'"
complete -c hactl -n "__fish_hactl_using_subcommand node; and __fish_seen_subcommand_from drain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hactl -n "__fish_hactl_using_subcommand node; and __fish_seen_subcommand_from drain" -s V -l version -d 'Print version'
complete -c hactl -n "__fish_hactl_using_subcommand node; and __fish_seen_subcommand_from maint" -l socket-dir -d 'Directory of the node\'s Unix sockets (`admin.socket_dir`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand node; and __fish_seen_subcommand_from maint" -l url -d 'Reach the node over TCP instead (`admin.listen`), as http://HOST:PORT' -r
complete -c hactl -n "__fish_hactl_using_subcommand node; and __fish_seen_subcommand_from maint" -l token-file -d 'File with the bearer token for --url (a copy of the node\'s `admin.token_file`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand node; and __fish_seen_subcommand_from maint" -s o -l output -d 'How results are printed' -r -f -a "table\t'For people'
json\t'For programs'"
complete -c hactl -n "__fish_hactl_using_subcommand node; and __fish_seen_subcommand_from maint" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hactl -n "__fish_hactl_using_subcommand node; and __fish_seen_subcommand_from maint" -s V -l version -d 'Print version'
complete -c hactl -n "__fish_hactl_using_subcommand node; and __fish_seen_subcommand_from ready" -l socket-dir -d 'Directory of the node\'s Unix sockets (`admin.socket_dir`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand node; and __fish_seen_subcommand_from ready" -l url -d 'Reach the node over TCP instead (`admin.listen`), as http://HOST:PORT' -r
complete -c hactl -n "__fish_hactl_using_subcommand node; and __fish_seen_subcommand_from ready" -l token-file -d 'File with the bearer token for --url (a copy of the node\'s `admin.token_file`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand node; and __fish_seen_subcommand_from ready" -s o -l output -d 'How results are printed' -r -f -a "table\t'For people'
json\t'For programs'"
complete -c hactl -n "__fish_hactl_using_subcommand node; and __fish_seen_subcommand_from ready" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hactl -n "__fish_hactl_using_subcommand node; and __fish_seen_subcommand_from ready" -s V -l version -d 'Print version'
complete -c hactl -n "__fish_hactl_using_subcommand node; and __fish_seen_subcommand_from help" -f -a "drain" -d 'Leave the virtual IPs to others, and hold one only while nobody else does'
complete -c hactl -n "__fish_hactl_using_subcommand node; and __fish_seen_subcommand_from help" -f -a "maint" -d 'Hold no virtual IP, even if nobody else does'
complete -c hactl -n "__fish_hactl_using_subcommand node; and __fish_seen_subcommand_from help" -f -a "ready" -d 'Take part again'
complete -c hactl -n "__fish_hactl_using_subcommand node; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hactl -n "__fish_hactl_using_subcommand pause" -l socket-dir -d 'Directory of the node\'s Unix sockets (`admin.socket_dir`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand pause" -l url -d 'Reach the node over TCP instead (`admin.listen`), as http://HOST:PORT' -r
complete -c hactl -n "__fish_hactl_using_subcommand pause" -l token-file -d 'File with the bearer token for --url (a copy of the node\'s `admin.token_file`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand pause" -s o -l output -d 'How results are printed' -r -f -a "table\t'For people'
json\t'For programs'"
complete -c hactl -n "__fish_hactl_using_subcommand pause" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hactl -n "__fish_hactl_using_subcommand pause" -s V -l version -d 'Print version'
complete -c hactl -n "__fish_hactl_using_subcommand resume" -l socket-dir -d 'Directory of the node\'s Unix sockets (`admin.socket_dir`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand resume" -l url -d 'Reach the node over TCP instead (`admin.listen`), as http://HOST:PORT' -r
complete -c hactl -n "__fish_hactl_using_subcommand resume" -l token-file -d 'File with the bearer token for --url (a copy of the node\'s `admin.token_file`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand resume" -s o -l output -d 'How results are printed' -r -f -a "table\t'For people'
json\t'For programs'"
complete -c hactl -n "__fish_hactl_using_subcommand resume" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hactl -n "__fish_hactl_using_subcommand resume" -s V -l version -d 'Print version'
complete -c hactl -n "__fish_hactl_using_subcommand drill" -l port -d 'The port to connect to; the first that a TCP or HTTP listener has on it if not given' -r
complete -c hactl -n "__fish_hactl_using_subcommand drill" -l reports -d 'Where the report is stored' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand drill" -l timeout -d 'Longest wait for each move, such as 500ms or 10s' -r
complete -c hactl -n "__fish_hactl_using_subcommand drill" -l socket-dir -d 'Directory of the node\'s Unix sockets (`admin.socket_dir`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand drill" -l url -d 'Reach the node over TCP instead (`admin.listen`), as http://HOST:PORT' -r
complete -c hactl -n "__fish_hactl_using_subcommand drill" -l token-file -d 'File with the bearer token for --url (a copy of the node\'s `admin.token_file`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand drill" -s o -l output -d 'How results are printed' -r -f -a "table\t'For people'
json\t'For programs'"
complete -c hactl -n "__fish_hactl_using_subcommand drill" -l stay -d 'Leave it where it was moved to'
complete -c hactl -n "__fish_hactl_using_subcommand drill" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hactl -n "__fish_hactl_using_subcommand drill" -s V -l version -d 'Print version'
complete -c hactl -n "__fish_hactl_using_subcommand events" -l socket-dir -d 'Directory of the node\'s Unix sockets (`admin.socket_dir`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand events" -l url -d 'Reach the node over TCP instead (`admin.listen`), as http://HOST:PORT' -r
complete -c hactl -n "__fish_hactl_using_subcommand events" -l token-file -d 'File with the bearer token for --url (a copy of the node\'s `admin.token_file`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand events" -s o -l output -d 'How results are printed' -r -f -a "table\t'For people'
json\t'For programs'"
complete -c hactl -n "__fish_hactl_using_subcommand events" -s f -l follow -d 'Wait for more, until interrupted'
complete -c hactl -n "__fish_hactl_using_subcommand events" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hactl -n "__fish_hactl_using_subcommand events" -s V -l version -d 'Print version'
complete -c hactl -n "__fish_hactl_using_subcommand config; and not __fish_seen_subcommand_from check reload show help" -l socket-dir -d 'Directory of the node\'s Unix sockets (`admin.socket_dir`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand config; and not __fish_seen_subcommand_from check reload show help" -l url -d 'Reach the node over TCP instead (`admin.listen`), as http://HOST:PORT' -r
complete -c hactl -n "__fish_hactl_using_subcommand config; and not __fish_seen_subcommand_from check reload show help" -l token-file -d 'File with the bearer token for --url (a copy of the node\'s `admin.token_file`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand config; and not __fish_seen_subcommand_from check reload show help" -s o -l output -d 'How results are printed' -r -f -a "table\t'For people'
json\t'For programs'"
complete -c hactl -n "__fish_hactl_using_subcommand config; and not __fish_seen_subcommand_from check reload show help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hactl -n "__fish_hactl_using_subcommand config; and not __fish_seen_subcommand_from check reload show help" -s V -l version -d 'Print version'
complete -c hactl -n "__fish_hactl_using_subcommand config; and not __fish_seen_subcommand_from check reload show help" -f -a "check" -d 'Check a file on this machine, without asking a node; print every error in it'
complete -c hactl -n "__fish_hactl_using_subcommand config; and not __fish_seen_subcommand_from check reload show help" -f -a "reload" -d 'Make the node read its file again. A bad file changes nothing'
complete -c hactl -n "__fish_hactl_using_subcommand config; and not __fish_seen_subcommand_from check reload show help" -f -a "show" -d 'Print the configuration in force'
complete -c hactl -n "__fish_hactl_using_subcommand config; and not __fish_seen_subcommand_from check reload show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hactl -n "__fish_hactl_using_subcommand config; and __fish_seen_subcommand_from check" -l node -d 'Check it as this node sees it; as every node in it if not given' -r
complete -c hactl -n "__fish_hactl_using_subcommand config; and __fish_seen_subcommand_from check" -l socket-dir -d 'Directory of the node\'s Unix sockets (`admin.socket_dir`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand config; and __fish_seen_subcommand_from check" -l url -d 'Reach the node over TCP instead (`admin.listen`), as http://HOST:PORT' -r
complete -c hactl -n "__fish_hactl_using_subcommand config; and __fish_seen_subcommand_from check" -l token-file -d 'File with the bearer token for --url (a copy of the node\'s `admin.token_file`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand config; and __fish_seen_subcommand_from check" -s o -l output -d 'How results are printed' -r -f -a "table\t'For people'
json\t'For programs'"
complete -c hactl -n "__fish_hactl_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hactl -n "__fish_hactl_using_subcommand config; and __fish_seen_subcommand_from check" -s V -l version -d 'Print version'
complete -c hactl -n "__fish_hactl_using_subcommand config; and __fish_seen_subcommand_from reload" -l socket-dir -d 'Directory of the node\'s Unix sockets (`admin.socket_dir`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand config; and __fish_seen_subcommand_from reload" -l url -d 'Reach the node over TCP instead (`admin.listen`), as http://HOST:PORT' -r
complete -c hactl -n "__fish_hactl_using_subcommand config; and __fish_seen_subcommand_from reload" -l token-file -d 'File with the bearer token for --url (a copy of the node\'s `admin.token_file`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand config; and __fish_seen_subcommand_from reload" -s o -l output -d 'How results are printed' -r -f -a "table\t'For people'
json\t'For programs'"
complete -c hactl -n "__fish_hactl_using_subcommand config; and __fish_seen_subcommand_from reload" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hactl -n "__fish_hactl_using_subcommand config; and __fish_seen_subcommand_from reload" -s V -l version -d 'Print version'
complete -c hactl -n "__fish_hactl_using_subcommand config; and __fish_seen_subcommand_from show" -l socket-dir -d 'Directory of the node\'s Unix sockets (`admin.socket_dir`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand config; and __fish_seen_subcommand_from show" -l url -d 'Reach the node over TCP instead (`admin.listen`), as http://HOST:PORT' -r
complete -c hactl -n "__fish_hactl_using_subcommand config; and __fish_seen_subcommand_from show" -l token-file -d 'File with the bearer token for --url (a copy of the node\'s `admin.token_file`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand config; and __fish_seen_subcommand_from show" -s o -l output -d 'How results are printed' -r -f -a "table\t'For people'
json\t'For programs'"
complete -c hactl -n "__fish_hactl_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hactl -n "__fish_hactl_using_subcommand config; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c hactl -n "__fish_hactl_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "check" -d 'Check a file on this machine, without asking a node; print every error in it'
complete -c hactl -n "__fish_hactl_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "reload" -d 'Make the node read its file again. A bad file changes nothing'
complete -c hactl -n "__fish_hactl_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "show" -d 'Print the configuration in force'
complete -c hactl -n "__fish_hactl_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hactl -n "__fish_hactl_using_subcommand server; and not __fish_seen_subcommand_from drain maint ready weight help" -l socket-dir -d 'Directory of the node\'s Unix sockets (`admin.socket_dir`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand server; and not __fish_seen_subcommand_from drain maint ready weight help" -l url -d 'Reach the node over TCP instead (`admin.listen`), as http://HOST:PORT' -r
complete -c hactl -n "__fish_hactl_using_subcommand server; and not __fish_seen_subcommand_from drain maint ready weight help" -l token-file -d 'File with the bearer token for --url (a copy of the node\'s `admin.token_file`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand server; and not __fish_seen_subcommand_from drain maint ready weight help" -s o -l output -d 'How results are printed' -r -f -a "table\t'For people'
json\t'For programs'"
complete -c hactl -n "__fish_hactl_using_subcommand server; and not __fish_seen_subcommand_from drain maint ready weight help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hactl -n "__fish_hactl_using_subcommand server; and not __fish_seen_subcommand_from drain maint ready weight help" -s V -l version -d 'Print version'
complete -c hactl -n "__fish_hactl_using_subcommand server; and not __fish_seen_subcommand_from drain maint ready weight help" -f -a "drain" -d 'Let it finish what it has and give it nothing new; it is still checked'
complete -c hactl -n "__fish_hactl_using_subcommand server; and not __fish_seen_subcommand_from drain maint ready weight help" -f -a "maint" -d 'Give it nothing new and do not check it'
complete -c hactl -n "__fish_hactl_using_subcommand server; and not __fish_seen_subcommand_from drain maint ready weight help" -f -a "ready" -d 'Give it work again'
complete -c hactl -n "__fish_hactl_using_subcommand server; and not __fish_seen_subcommand_from drain maint ready weight help" -f -a "weight" -d 'Set its weight, until halod starts again or the file has a new one'
complete -c hactl -n "__fish_hactl_using_subcommand server; and not __fish_seen_subcommand_from drain maint ready weight help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hactl -n "__fish_hactl_using_subcommand server; and __fish_seen_subcommand_from drain" -l socket-dir -d 'Directory of the node\'s Unix sockets (`admin.socket_dir`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand server; and __fish_seen_subcommand_from drain" -l url -d 'Reach the node over TCP instead (`admin.listen`), as http://HOST:PORT' -r
complete -c hactl -n "__fish_hactl_using_subcommand server; and __fish_seen_subcommand_from drain" -l token-file -d 'File with the bearer token for --url (a copy of the node\'s `admin.token_file`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand server; and __fish_seen_subcommand_from drain" -s o -l output -d 'How results are printed' -r -f -a "table\t'For people'
json\t'For programs'"
complete -c hactl -n "__fish_hactl_using_subcommand server; and __fish_seen_subcommand_from drain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hactl -n "__fish_hactl_using_subcommand server; and __fish_seen_subcommand_from drain" -s V -l version -d 'Print version'
complete -c hactl -n "__fish_hactl_using_subcommand server; and __fish_seen_subcommand_from maint" -l socket-dir -d 'Directory of the node\'s Unix sockets (`admin.socket_dir`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand server; and __fish_seen_subcommand_from maint" -l url -d 'Reach the node over TCP instead (`admin.listen`), as http://HOST:PORT' -r
complete -c hactl -n "__fish_hactl_using_subcommand server; and __fish_seen_subcommand_from maint" -l token-file -d 'File with the bearer token for --url (a copy of the node\'s `admin.token_file`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand server; and __fish_seen_subcommand_from maint" -s o -l output -d 'How results are printed' -r -f -a "table\t'For people'
json\t'For programs'"
complete -c hactl -n "__fish_hactl_using_subcommand server; and __fish_seen_subcommand_from maint" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hactl -n "__fish_hactl_using_subcommand server; and __fish_seen_subcommand_from maint" -s V -l version -d 'Print version'
complete -c hactl -n "__fish_hactl_using_subcommand server; and __fish_seen_subcommand_from ready" -l socket-dir -d 'Directory of the node\'s Unix sockets (`admin.socket_dir`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand server; and __fish_seen_subcommand_from ready" -l url -d 'Reach the node over TCP instead (`admin.listen`), as http://HOST:PORT' -r
complete -c hactl -n "__fish_hactl_using_subcommand server; and __fish_seen_subcommand_from ready" -l token-file -d 'File with the bearer token for --url (a copy of the node\'s `admin.token_file`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand server; and __fish_seen_subcommand_from ready" -s o -l output -d 'How results are printed' -r -f -a "table\t'For people'
json\t'For programs'"
complete -c hactl -n "__fish_hactl_using_subcommand server; and __fish_seen_subcommand_from ready" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hactl -n "__fish_hactl_using_subcommand server; and __fish_seen_subcommand_from ready" -s V -l version -d 'Print version'
complete -c hactl -n "__fish_hactl_using_subcommand server; and __fish_seen_subcommand_from weight" -l socket-dir -d 'Directory of the node\'s Unix sockets (`admin.socket_dir`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand server; and __fish_seen_subcommand_from weight" -l url -d 'Reach the node over TCP instead (`admin.listen`), as http://HOST:PORT' -r
complete -c hactl -n "__fish_hactl_using_subcommand server; and __fish_seen_subcommand_from weight" -l token-file -d 'File with the bearer token for --url (a copy of the node\'s `admin.token_file`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand server; and __fish_seen_subcommand_from weight" -s o -l output -d 'How results are printed' -r -f -a "table\t'For people'
json\t'For programs'"
complete -c hactl -n "__fish_hactl_using_subcommand server; and __fish_seen_subcommand_from weight" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hactl -n "__fish_hactl_using_subcommand server; and __fish_seen_subcommand_from weight" -s V -l version -d 'Print version'
complete -c hactl -n "__fish_hactl_using_subcommand server; and __fish_seen_subcommand_from help" -f -a "drain" -d 'Let it finish what it has and give it nothing new; it is still checked'
complete -c hactl -n "__fish_hactl_using_subcommand server; and __fish_seen_subcommand_from help" -f -a "maint" -d 'Give it nothing new and do not check it'
complete -c hactl -n "__fish_hactl_using_subcommand server; and __fish_seen_subcommand_from help" -f -a "ready" -d 'Give it work again'
complete -c hactl -n "__fish_hactl_using_subcommand server; and __fish_seen_subcommand_from help" -f -a "weight" -d 'Set its weight, until halod starts again or the file has a new one'
complete -c hactl -n "__fish_hactl_using_subcommand server; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hactl -n "__fish_hactl_using_subcommand completions" -l socket-dir -d 'Directory of the node\'s Unix sockets (`admin.socket_dir`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand completions" -l url -d 'Reach the node over TCP instead (`admin.listen`), as http://HOST:PORT' -r
complete -c hactl -n "__fish_hactl_using_subcommand completions" -l token-file -d 'File with the bearer token for --url (a copy of the node\'s `admin.token_file`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand completions" -s o -l output -d 'How results are printed' -r -f -a "table\t'For people'
json\t'For programs'"
complete -c hactl -n "__fish_hactl_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hactl -n "__fish_hactl_using_subcommand completions" -s V -l version -d 'Print version'
complete -c hactl -n "__fish_hactl_using_subcommand man" -l socket-dir -d 'Directory of the node\'s Unix sockets (`admin.socket_dir`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand man" -l url -d 'Reach the node over TCP instead (`admin.listen`), as http://HOST:PORT' -r
complete -c hactl -n "__fish_hactl_using_subcommand man" -l token-file -d 'File with the bearer token for --url (a copy of the node\'s `admin.token_file`)' -r -F
complete -c hactl -n "__fish_hactl_using_subcommand man" -s o -l output -d 'How results are printed' -r -f -a "table\t'For people'
json\t'For programs'"
complete -c hactl -n "__fish_hactl_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hactl -n "__fish_hactl_using_subcommand man" -s V -l version -d 'Print version'
complete -c hactl -n "__fish_hactl_using_subcommand help; and not __fish_seen_subcommand_from status failover failback why vip node pause resume drill events config server completions man help" -f -a "status" -d 'Show the node: virtual IPs, peers, listeners, servers'
complete -c hactl -n "__fish_hactl_using_subcommand help; and not __fish_seen_subcommand_from status failover failback why vip node pause resume drill events config server completions man help" -f -a "failover" -d 'Move virtual IPs to another node, or take them over'
complete -c hactl -n "__fish_hactl_using_subcommand help; and not __fish_seen_subcommand_from status failover failback why vip node pause resume drill events config server completions man help" -f -a "failback" -d 'Bring virtual IPs home: to the node with the highest priority in the file'
complete -c hactl -n "__fish_hactl_using_subcommand help; and not __fish_seen_subcommand_from status failover failback why vip node pause resume drill events config server completions man help" -f -a "why" -d 'Say why a virtual IP is where it is, and what would happen next'
complete -c hactl -n "__fish_hactl_using_subcommand help; and not __fish_seen_subcommand_from status failover failback why vip node pause resume drill events config server completions man help" -f -a "vip" -d 'Look at virtual IPs in detail'
complete -c hactl -n "__fish_hactl_using_subcommand help; and not __fish_seen_subcommand_from status failover failback why vip node pause resume drill events config server completions man help" -f -a "node" -d 'Take this node out of service and back'
complete -c hactl -n "__fish_hactl_using_subcommand help; and not __fish_seen_subcommand_from status failover failback why vip node pause resume drill events config server completions man help" -f -a "pause" -d 'Suspend automatic failover on this node: it takes over only by command, or from a node that gives a virtual IP up'
complete -c hactl -n "__fish_hactl_using_subcommand help; and not __fish_seen_subcommand_from status failover failback why vip node pause resume drill events config server completions man help" -f -a "resume" -d 'Allow automatic failover on this node again'
complete -c hactl -n "__fish_hactl_using_subcommand help; and not __fish_seen_subcommand_from status failover failback why vip node pause resume drill events config server completions man help" -f -a "drill" -d 'Move a virtual IP to another node and back, measure what clients would see, store a report'
complete -c hactl -n "__fish_hactl_using_subcommand help; and not __fish_seen_subcommand_from status failover failback why vip node pause resume drill events config server completions man help" -f -a "events" -d 'Show what happened on the node'
complete -c hactl -n "__fish_hactl_using_subcommand help; and not __fish_seen_subcommand_from status failover failback why vip node pause resume drill events config server completions man help" -f -a "config" -d 'Check, reload or show the configuration'
complete -c hactl -n "__fish_hactl_using_subcommand help; and not __fish_seen_subcommand_from status failover failback why vip node pause resume drill events config server completions man help" -f -a "server" -d 'Take a server out of service and back, or change its weight'
complete -c hactl -n "__fish_hactl_using_subcommand help; and not __fish_seen_subcommand_from status failover failback why vip node pause resume drill events config server completions man help" -f -a "completions" -d 'Print a shell\'s completion script'
complete -c hactl -n "__fish_hactl_using_subcommand help; and not __fish_seen_subcommand_from status failover failback why vip node pause resume drill events config server completions man help" -f -a "man" -d 'Write the man pages into a directory'
complete -c hactl -n "__fish_hactl_using_subcommand help; and not __fish_seen_subcommand_from status failover failback why vip node pause resume drill events config server completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hactl -n "__fish_hactl_using_subcommand help; and __fish_seen_subcommand_from vip" -f -a "show" -d 'Show timers, counters, and what each tracker contributes'
complete -c hactl -n "__fish_hactl_using_subcommand help; and __fish_seen_subcommand_from node" -f -a "drain" -d 'Leave the virtual IPs to others, and hold one only while nobody else does'
complete -c hactl -n "__fish_hactl_using_subcommand help; and __fish_seen_subcommand_from node" -f -a "maint" -d 'Hold no virtual IP, even if nobody else does'
complete -c hactl -n "__fish_hactl_using_subcommand help; and __fish_seen_subcommand_from node" -f -a "ready" -d 'Take part again'
complete -c hactl -n "__fish_hactl_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "check" -d 'Check a file on this machine, without asking a node; print every error in it'
complete -c hactl -n "__fish_hactl_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "reload" -d 'Make the node read its file again. A bad file changes nothing'
complete -c hactl -n "__fish_hactl_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "show" -d 'Print the configuration in force'
complete -c hactl -n "__fish_hactl_using_subcommand help; and __fish_seen_subcommand_from server" -f -a "drain" -d 'Let it finish what it has and give it nothing new; it is still checked'
complete -c hactl -n "__fish_hactl_using_subcommand help; and __fish_seen_subcommand_from server" -f -a "maint" -d 'Give it nothing new and do not check it'
complete -c hactl -n "__fish_hactl_using_subcommand help; and __fish_seen_subcommand_from server" -f -a "ready" -d 'Give it work again'
complete -c hactl -n "__fish_hactl_using_subcommand help; and __fish_seen_subcommand_from server" -f -a "weight" -d 'Set its weight, until halod starts again or the file has a new one'
