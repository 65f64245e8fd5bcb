namespace GridWrapper.Launching;

/// <summary>
/// What Singularity and Apptainer put around an image's variables. Where the image's own scripts decide them, its /bin/sh reads these inside, in the order and by the
/// rules of the runtime's built-in shell; otherwise the same comes out of the image's configuration. Pure.
/// </summary>
internal static class SingularityEnvironment
{
    private const string Prepend = "PREPEND_PATH";
    private const string Append = "APPEND_PATH";
    private const string PassPrefix = "GRIDWRAP_PASS_";
    private const string SetPrefix = "GRIDWRAP_SET_";

    /// <summary>For images without scripts: the search path is completed, and the container's name is told.</summary>
    internal static void Complete(ImmutableSortedDictionary<string, string>.Builder result, LaunchRequest request)
    {
        string path = Completed(result["PATH"]);
        foreach ((string name, string value) in Told(request))
        {
            result[name] = value;
        }

        foreach ((string name, string value) in request.Addressed)
        {
            switch (name)
            {
                case Prepend:
                case Append:
                case "HOME":
                    break;
                case "PATH":
                    path = value;
                    break;
                default:
                    result[name] = value;
                    break;
            }
        }

        path = request.Addressed.TryGetValue(Prepend, out string? first) ? $"{first}:{path}" : path;
        result["PATH"] = request.Addressed.TryGetValue(Append, out string? last) ? $"{path}:{last}" : path;
    }

    /// <summary>
    /// The shell's argv and environment. Values travel as variables of the shell, never as words of its command line, which everybody on the node can read.
    /// </summary>
    internal static (ImmutableArray<string> Argv, ImmutableSortedDictionary<string, string> Environment) Wrap(LaunchRequest request, ImmutableArray<string> argv)
    {
        ImmutableSortedDictionary<string, string>.Builder variables = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        StringBuilder script = new(ReadScripts);
        variables["HOME"] = request.DataDirectory ?? request.JobDirectory;
        foreach ((string name, string value) in Told(request))
        {
            variables[name] = value;
        }

        foreach ((string name, string value) in request.Addressed.Where(a => a.Key is not (Prepend or Append or "HOME") && !IsDecided(a.Key, request)))
        {
            Set(name, value, variables, script);
        }

        AddPath(request, variables, script);
        foreach ((string name, string value) in request.Environment.Where(e => e.Key != "HOME" && IsName(e.Key)))
        {
            if (request.Passed.Contains(name))
            {
                variables[PassPrefix + name] = value;
                script.Append(CultureInfo.InvariantCulture, $"if [ -z \"${{{name}+x}}\" ]; then export {name}=\"${PassPrefix}{name}\"; elif [ -z \"${name}\" ]; then unset {name}; fi; unset {PassPrefix}{name}\n");
            }
            else
            {
                Set(name, value, variables, script);
            }
        }

        if (request.Environment.TryGetValue("HOME", out string? home))
        {
            variables["HOME"] = home;
        }

        AddGpu(request, variables, script);
        script.Append("exec \"$@\"\n");
        return ([PayloadCommand.Shell, "-c", script.ToString(), PayloadCommand.Shell, .. argv], variables.ToImmutable());
    }

    /// <summary>The default directories that a search path lacks come behind it.</summary>
    internal static string Completed(string path)
    {
        StringBuilder whole = new(path);
        HashSet<string> present = [.. path.Split(':')];
        foreach (string directory in PayloadEnvironment.DefaultPath.Split(':'))
        {
            if (!present.Contains(directory))
            {
                whole.Append(':').Append(directory);
            }
        }

        return whole.ToString();
    }

    /// <summary>How images and payloads recognise that they are in a container, and in which.</summary>
    private static IEnumerable<(string Name, string Value)> Told(LaunchRequest request)
    {
        string image = request.Rootfs.ImageFile is { } file ? file : request.Rootfs.LowerDirectories is [{ } tree] ? tree : request.Plan.Image.Reference.ToString()!;
        string name = image.TrimEnd('/');
        name = name[(name.LastIndexOf('/') + 1)..];
        foreach (string prefix in (string[])["APPTAINER_", "SINGULARITY_"])
        {
            yield return (prefix + "CONTAINER", image);
            yield return (prefix + "NAME", name);
            yield return (prefix + "ENVIRONMENT", "/.singularity.d/env/91-environment.sh");
        }

        yield return ("APPTAINER_COMMAND", request.Command.IsEmpty || request.RunsImage ? "run" : "exec");
    }

    private static bool IsDecided(string name, LaunchRequest request) => request.Environment.ContainsKey(name) && !request.Passed.Contains(name);

    private static void AddPath(LaunchRequest request, ImmutableSortedDictionary<string, string>.Builder variables, StringBuilder script)
    {
        if (request.Addressed.TryGetValue(Prepend, out string? first))
        {
            variables[SetPrefix + Prepend] = first;
            script.Append(CultureInfo.InvariantCulture, $"export PATH=\"${SetPrefix}{Prepend}:$PATH\"; unset {SetPrefix}{Prepend}\n");
        }

        if (request.Addressed.TryGetValue(Append, out string? last))
        {
            variables[SetPrefix + Append] = last;
            script.Append(CultureInfo.InvariantCulture, $"export PATH=\"$PATH:${SetPrefix}{Append}\"; unset {SetPrefix}{Append}\n");
        }
    }

    private static void AddGpu(LaunchRequest request, ImmutableSortedDictionary<string, string>.Builder variables, StringBuilder script)
    {
        foreach ((string name, string value) in request.Gpu?.Environment ?? ImmutableSortedDictionary<string, string>.Empty)
        {
            Set(name, value, variables, script);
        }

        if (request.Gpu is { LibraryPath.Length: > 0 } gpu)
        {
            script.Append(CultureInfo.InvariantCulture, $"export LD_LIBRARY_PATH=\"${{LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}}{gpu.LibraryPath}\"\n");
        }
    }

    private static void Set(string name, string value, ImmutableSortedDictionary<string, string>.Builder variables, StringBuilder script)
    {
        if (IsName(name))
        {
            variables[SetPrefix + name] = value;
            script.Append(CultureInfo.InvariantCulture, $"export {name}=\"${SetPrefix}{name}\"; unset {SetPrefix}{name}\n");
        }
    }

    /// <summary>A shell has no other variables.</summary>
    private static bool IsName(string name) => name.Length > 0 && !char.IsAsciiDigit(name[0]) && name.All(c => c == '_' || char.IsAsciiLetterOrDigit(c));

    /// <summary>
    /// Scripts in the order of their names; the two that a conversion from OCI writes are followed by the completion of the search path, and the one of the image's maker finds one.
    /// A shell has a PATH of its own from the start, which scripts must not take for the image's.
    /// </summary>
    private const string ReadScripts = """
        unset PATH
        gridwrap_path() {
          for gridwrap_dir in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin; do
            case ":${PATH-}:" in *":$gridwrap_dir:"*) ;; *) PATH="${PATH:+$PATH:}$gridwrap_dir" ;; esac
          done
          export PATH
        }
        for gridwrap_script in /.singularity.d/env/*.sh; do
          [ -f "$gridwrap_script" ] || continue
          case $gridwrap_script in */90-environment.sh) [ -n "${PATH+x}" ] || gridwrap_path ;; esac
          . "$gridwrap_script"
          case $gridwrap_script in */10-docker2singularity.sh|*/10-docker.sh) gridwrap_path ;; esac
        done
        [ -n "${PATH+x}" ] || gridwrap_path
        unset gridwrap_script gridwrap_dir SHLVL
        unset -f gridwrap_path

        """;
}
