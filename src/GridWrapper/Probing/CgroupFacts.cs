namespace GridWrapper.Probing;

/// <summary>Control groups (version 2) that payloads can be given here.</summary>
/// <param name="Directory">The group in which they are made.</param>
/// <param name="Controllers">That limit in them: memory, pids, cpu. Without one they still say what belongs to a payload, and end all of it.</param>
/// <param name="MovesItself">gridwrap goes into a group of its own for that.</param>
internal sealed record CgroupFacts(string Directory, ImmutableArray<string> Controllers, bool MovesItself);
