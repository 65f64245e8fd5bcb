using GridWrapper.Probing;

namespace GridWrapper.Launching;

/// <summary>
/// Puts together what a payload is given of the node's GPUs: by the CDI specification where the node has one, else device nodes and the driver's libraries. Libraries that the
/// image's C library is too old for are left out, and said. Pure.
/// </summary>
internal static class GpuSupplier
{
    /// <summary>Where the driver's libraries stand inside, behind whatever the image searches before.</summary>
    internal const string LibraryDirectory = "/run/gridwrap/nv";

    private const string MpsVariable = "CUDA_MPS_PIPE_DIRECTORY";

    /// <param name="gpus">What the node has.</param>
    /// <param name="image">What the image holds; null where nobody could look.</param>
    /// <param name="environment">The caller's.</param>
    /// <returns>Null where the batch system has given none of them away.</returns>
    internal static GpuSupply? Create(ImmutableArray<GpuFacts> gpus, ImageInside? image, IReadOnlyDictionary<string, string> environment)
    {
        GpuSelection selection = GpuSelection.Of(environment);
        Builder builder = new(image);
        foreach (GpuFacts gpu in gpus)
        {
            if (gpu.Vendor == "nvidia" && selection is GpuSelection.Nothing)
            {
                continue;
            }

            builder.Add(gpu, gpu.Vendor == "nvidia" ? selection : new GpuSelection.Everything());
        }

        if (environment.GetValueOrDefault(MpsVariable) is ['/', ..] pipes)
        {
            builder.Files.Add(new BindMount(pipes, pipes, ReadOnly: false, Optional: true));
        }

        return builder.Devices.Count == 0 ? null : builder.ToSupply();
    }

    private static int? MinorOf(string device)
    {
        string name = device[(device.LastIndexOf('/') + 1)..];
        return name.StartsWith("nvidia", StringComparison.Ordinal) && int.TryParse(name["nvidia".Length..], NumberStyles.None, CultureInfo.InvariantCulture, out int minor) ? minor : null;
    }

    private sealed class Builder(ImageInside? image)
    {
        private readonly List<string> _notes = [];
        private readonly List<string> _searched = [];
        private readonly SortedDictionary<string, string> _environment = new(StringComparer.Ordinal);

        internal List<string> Devices { get; } = [];

        internal List<BindMount> Files { get; } = [];

        internal GpuSupply ToSupply() => new()
        {
            Devices = [.. Devices.Distinct(StringComparer.Ordinal)],
            Files = [.. Files.DistinctBy(f => f.Target)],
            Environment = _environment.ToImmutableSortedDictionary(StringComparer.Ordinal),
            LibraryPath = string.Join(':', _searched.Distinct(StringComparer.Ordinal)),
            Notes = [.. _notes],
        };

        internal void Add(GpuFacts gpu, GpuSelection selection)
        {
            _notes.AddRange(gpu.Notes);
            ImmutableArray<GpuCard>? cards = selection is GpuSelection.Only only ? GpuSelection.Cards(only, gpu.Cards) : null;
            if (selection is GpuSelection.Only wanted && cards is null)
            {
                _notes.Add($"every GPU is shown, because {string.Join(',', wanted.Names)} could not be told among those of this node");
            }

            if (gpu.Cdi is { } cdi && AddCdi(cdi, selection))
            {
                AddLibraries(gpu);
                return;
            }

            Devices.AddRange(gpu.Devices.Where(d => cards is not { } chosen || MinorOf(d) is not { } minor || chosen.Any(c => c.Minor == minor)));
            foreach (string directory in gpu.Directories)
            {
                Files.Add(new BindMount(directory, directory, ReadOnly: true, Optional: true));
                _searched.Add(directory + "/lib");
            }

            if (gpu.Vendor != "amd" || image is not { HasRocm: true })
            {
                AddLibraries(gpu);
                AddPrograms(gpu);
            }
        }

        private void AddLibraries(GpuFacts gpu)
        {
            if (gpu.Vendor == "nvidia" && gpu.Libraries.IsEmpty && gpu.Directories.IsEmpty)
            {
                _notes.Add("no library of NVIDIA's driver was found on this node: the image has to bring its own");
            }

            if (image is { Glibc: { Length: 0 } })
            {
                _notes.Add("the image has no GNU C library, which the driver's libraries need");
            }

            foreach (DriverFile library in gpu.Libraries.Where(IsGood))
            {
                Files.Add(new BindMount(library.Path, $"{LibraryDirectory}/{library.Name}", ReadOnly: true, Optional: true));
                _searched.Add(LibraryDirectory);
            }
        }

        private void AddPrograms(GpuFacts gpu)
        {
            foreach (DriverFile program in gpu.Programs.Where(IsGood))
            {
                Files.Add(new BindMount(program.Path, $"/usr/bin/{program.Name}", ReadOnly: true, Optional: true));
            }
        }

        private bool IsGood(DriverFile file)
        {
            bool good = GlibcVersion.IsEnough(image?.Glibc ?? "", file.Glibc);
            if (!good)
            {
                _notes.Add($"{file.Name} is left out: it needs glibc {file.Glibc}, and the image has {image!.Glibc}");
            }

            return good;
        }

        /// <summary>Devices of the specification go by number or UUID, as the batch system's do.</summary>
        private bool AddCdi(CdiSpec cdi, GpuSelection selection)
        {
            ImmutableArray<CdiDevice> chosen = selection is GpuSelection.Only only
                ? [.. only.Names.Select(n => cdi.Devices.FirstOrDefault(d => d.Name == n) ?? cdi.Devices.FirstOrDefault(d => d.Name.StartsWith(n, StringComparison.Ordinal) && n.StartsWith("GPU-", StringComparison.Ordinal))).OfType<CdiDevice>()]
                : [];
            bool exact = selection is GpuSelection.Only all && chosen.Length == all.Names.Length;
            chosen = exact ? chosen : cdi.Devices.FirstOrDefault(d => d.Name == "all") is { } every ? [every] : cdi.Devices;
            if (chosen.IsEmpty)
            {
                _notes.Add($"{cdi.File} names no devices and was not used");
                return false;
            }

            foreach (CdiEdits edits in chosen.Select(d => d.Edits).Prepend(cdi.Common))
            {
                Apply(edits);
            }

            return true;
        }

        private void Apply(CdiEdits edits)
        {
            foreach (string entry in edits.Env)
            {
                int equals = entry.IndexOf('=', StringComparison.Ordinal);

                // "void" there tells another runtime to keep away; the payload would take it for "no GPU".
                if (equals > 0 && entry != "NVIDIA_VISIBLE_DEVICES=void")
                {
                    _environment[entry[..equals]] = entry[(equals + 1)..];
                }
            }

            foreach ((string host, string inside) in edits.DeviceNodes)
            {
                if (host == inside)
                {
                    Devices.Add(host);
                }
                else
                {
                    Files.Add(new BindMount(host, inside, ReadOnly: false, Optional: true));
                }
            }

            Files.AddRange(edits.Mounts.Select(m => new BindMount(m.Host, m.Inside, m.ReadOnly, Optional: true)));
            foreach (CdiHook hook in edits.Hooks)
            {
                Apply(hook, edits);
            }
        }

        /// <summary>A link becomes a second place of the same file, the loader's cache a search path; what else hooks do needs root.</summary>
        private void Apply(CdiHook hook, CdiEdits edits)
        {
            switch (hook.Name)
            {
                case "create-symlinks":
                    AddLinks(hook.Arguments, edits);
                    break;
                case "update-ldcache":
                    _searched.AddRange(Values(hook.Arguments, "--folder"));
                    break;
                case "chmod" or "disable-device-node-modification":
                    break;
                default:
                    _notes.Add($"the CDI hook {hook.Name} is not applied");
                    break;
            }
        }

        private void AddLinks(ImmutableArray<string> arguments, CdiEdits edits)
        {
            Dictionary<string, string> links = new(StringComparer.Ordinal);
            foreach (string link in Values(arguments, "--link"))
            {
                int separator = link.IndexOf("::", StringComparison.Ordinal);
                if (separator > 0 && link[(separator + 2)..] is ['/', ..] place)
                {
                    links[place] = Path.GetFullPath(link[..separator], Path.GetDirectoryName(place)!);
                }
            }

            foreach ((string place, string first) in links)
            {
                string target = first;
                for (int hops = 0; hops < links.Count && links.TryGetValue(target, out string? next); hops++)
                {
                    target = next;
                }

                // The soname links that ldconfig would make lead to the same file.
                CdiMount? source = edits.Mounts.FirstOrDefault(m => m.Inside == target)
                    ?? edits.Mounts.FirstOrDefault(m => m.Inside.StartsWith(target + ".", StringComparison.Ordinal));
                if (source is not null)
                {
                    Files.Add(new BindMount(source.Host, place, ReadOnly: true, Optional: true));
                }
            }
        }

        /// <summary>--name value, and --name=value.</summary>
        private static IEnumerable<string> Values(ImmutableArray<string> arguments, string name)
        {
            for (int i = 0; i < arguments.Length; i++)
            {
                if (arguments[i] == name && i + 1 < arguments.Length)
                {
                    yield return arguments[++i];
                }
                else if (arguments[i].StartsWith(name + "=", StringComparison.Ordinal))
                {
                    yield return arguments[i][(name.Length + 1)..];
                }
            }
        }
    }
}
