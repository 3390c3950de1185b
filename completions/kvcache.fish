# fish completion for kvcache. Unless the package installed it:
#   kvcache completion fish > ~/.config/fish/completions/kvcache.fish
# What there is to offer is asked of the tool: kvcache complete.

function __kvcache_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l lines ($words[1] complete fish $words[2..-1] "$current" 2>/dev/null)
    # --config=FILE
    set -l option (string match -r '^--[^=]*=' -- $current)
    set -l path (string replace -r '^--[^=]*=' '' -- $current)
    switch "$lines[1]"
        case values
            string join \n -- $lines[2..-1]
        case files
            __fish_complete_path "$path" | string replace -r '^' -- "$option"
        case folders
            __fish_complete_directories "$path" '' | string replace -r '^' -- "$option"
    end
end

complete -c kvcache -f -a '(__kvcache_complete)'
