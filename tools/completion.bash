# Completion of podium's commands, options and names for bash; everything is asked from podium itself.
_podium()
{
    local podium=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]}
    local previous=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} words
    _podium_names() { "$podium" list "$1" 2> /dev/null | awk '/^  [^( ]/ {print $1}'; }
    if [ "$COMP_CWORD" = 1 ]; then
        words=$("$podium" --help 2> /dev/null | awk '/^  [a-z]/ {print $1}')
    elif [[ $word == -* ]]; then
        words=$("$podium" help "$command" 2> /dev/null | grep -oE -- '--[a-z][a-z-]*' | sort -u)
    else
        case $previous in
            --workload) words=$(_podium_names workloads) ;;
            --device) words="ref cpu cuda hip" ;;
            *)
                case $command in
                    help) words=$("$podium" --help 2> /dev/null | awk '/^  [a-z]/ {print $1}') ;;
                    list) words="workloads optimizers tracks datasets presets" ;;
                    data) words="all $(_podium_names datasets)" ;;
                    run | check | compare | tune | calibrate) words=$(_podium_names optimizers) ;;
                esac
                ;;
        esac
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -o default -F _podium podium
