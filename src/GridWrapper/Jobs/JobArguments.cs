using GridWrapper.Diagnostics;

namespace GridWrapper.Jobs;

/// <summary>
/// The words of job parameters sorted into options and values. Long options may be abbreviated, values may follow after '=' or as the next word; what is
/// unknown is noted and passed over, and never takes an option along. Of a repeated option the last counts, of --containerImage the first (as in the pilot).
/// </summary>
internal sealed class JobArguments
{
    private readonly ImmutableArray<string> _words;
    private readonly FaultList _faults;
    private readonly Dictionary<JobOption, string> _values = [];
    private readonly HashSet<JobOption> _flags = [];
    private readonly List<string> _ignored = [];
    private int _at;

    internal JobArguments(ImmutableArray<string> words, FaultList faults)
    {
        _words = words;
        _faults = faults;
        while (_at < _words.Length)
        {
            Take(_words[_at++]);
        }
    }

    /// <summary>What was passed over, unknown options with the value that followed them.</summary>
    internal ImmutableArray<string> Ignored => [.. _ignored];

    internal bool Has(JobOption flag) => _flags.Contains(flag);

    internal string? Value(JobOption option) => _values.GetValueOrDefault(option);

    private void Take(string word)
    {
        if (word == "--")
        {
            _ignored.AddRange(_words[_at..]);
            _at = _words.Length;
        }
        else if (word.StartsWith("--", StringComparison.Ordinal))
        {
            TakeLong(word);
        }
        else if (word.Length > 1 && word[0] == '-' && JobOptionTable.Short(word[1]) is { } known)
        {
            string attached = word[2..];
            Store(known, word[..2], attached.Length == 0 ? NextValue() : attached[0] == '=' ? attached[1..] : attached);
        }
        else if (word.StartsWith('-') && word.Length > 1)
        {
            Ignore(word);
        }
        else
        {
            _ignored.Add(word);
        }
    }

    private void TakeLong(string word)
    {
        int equals = word.IndexOf('=', StringComparison.Ordinal);
        string name = equals < 0 ? word : word[..equals];
        string? attached = equals < 0 ? null : word[(equals + 1)..];
        switch (JobOptionTable.Long(name))
        {
            case []:
                Ignore(word);
                break;
            case [{ TakesValue: true } option]:
                Store(option, name, attached ?? NextValue());
                break;
            case [{ Option: JobOption.Skipped }]:
                break;
            case [{ } flag] when attached is null:
                _flags.Add(flag.Option);
                break;
            case [{ } flag]:
                _faults.Add($"{flag.Name} takes no value, but has {Quoted.Text(attached)}");
                break;
            case { } several:
                _faults.Add($"{Quoted.Text(name)} may mean {string.Join(" or ", several.Select(spec => spec.Name))}; write it in full");
                break;
        }
    }

    private void Store(JobOptionSpec option, string name, string? value)
    {
        if (option.Option == JobOption.Skipped)
        {
            return;
        }

        if (value is null)
        {
            _faults.Add($"{name} has no value");
        }
        else if (option.Option == JobOption.ContainerImage)
        {
            _values.TryAdd(option.Option, value);
        }
        else
        {
            _values[option.Option] = value;
        }
    }

    /// <summary>The next word unless it is an option itself; an encoded payload may well begin with a dash.</summary>
    private string? NextValue() => _at < _words.Length && !IsOption(_words[_at]) ? _words[_at++] : null;

    private static bool IsOption(string word)
    {
        if (word.Length == 2 && word[0] == '-')
        {
            return word[1] == '-' || JobOptionTable.Short(word[1]) is not null;
        }

        int equals = word.IndexOf('=', StringComparison.Ordinal);
        return word.StartsWith("--", StringComparison.Ordinal) && JobOptionTable.Long(equals < 0 ? word : word[..equals]).Length > 0;
    }

    private void Ignore(string option)
    {
        bool hasValue = !option.Contains('=', StringComparison.Ordinal) && _at < _words.Length && !_words[_at].StartsWith('-');
        _ignored.Add(hasValue ? $"{option} {_words[_at++]}" : option);
    }
}
