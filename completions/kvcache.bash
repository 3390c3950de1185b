# bash completion for kvcache. In ~/.bashrc, unless the package installed it: source <(kvcache completion bash)
# Works with the bash 3.2 of macOS. What there is to offer is asked of the tool: kvcache complete.

_kvcache() {
  # bash splits words at = : @ as well. What has no blank before it belongs to the word before.
  local words=() rest=$COMP_LINE word i
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [ "$i" -eq 0 ] || [[ $rest == [[:space:]]* ]]; then
      words+=("$word")
    else
      words[${#words[@]} - 1]+=$word
    fi
    rest=${rest#"${rest%%[![:space:]]*}"}
    rest=${rest#"$word"}
  done

  local current=${words[${#words[@]} - 1]} kind='' value line
  # Candidates are whole words; readline replaces only what follows the last place where it splits, and the @ of that place. At
  # which of = : @ it splits is not ours to say: bash-completion takes @ off that list, others take : off.
  local breaks='' c before=''
  for c in = : @; do
    case $COMP_WORDBREAKS in *"$c"*) breaks+=$c ;; esac
  done
  [ -z "$breaks" ] || before=${current%"${current##*[$breaks]}"}
  before=${before%@}
  COMPREPLY=()
  while IFS= read -r line; do
    if [ -z "$kind" ]; then
      kind=$line
      # Nothing in COMPREPLY makes readline complete names of files, with quotes and all.
      # (before bash 4 there is no compopt, and files are offered where folders are meant)
      [ "$kind" != folders ] || compopt +o default -o dirnames 2>/dev/null
      [ "$kind" != nothing ] || compopt +o default 2>/dev/null
      [ "$kind" = values ] || return 0
      continue
    fi
    value=${line%%$'\t'*}
    printf -v value '%q' "${value#"$before"}"
    COMPREPLY+=("${value//\\,/,}")  # a comma needs no backslash
  done < <("${words[0]/#\~\//$HOME/}" complete bash "${words[@]:1}" 2>/dev/null)
  # What is to be continued: RotatingKVCache:1024.
  case ${#COMPREPLY[@]}${COMPREPLY[0]-} in
    1*:) compopt -o nospace 2>/dev/null ;;
  esac
  return 0
}
complete -o default -F _kvcache kvcache
