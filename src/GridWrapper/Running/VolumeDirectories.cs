using GridWrapper.Launching;

namespace GridWrapper.Running;

/// <summary>The host directories of an image's Volumes, made before the launch.</summary>
internal static class VolumeDirectories
{
    internal static void Prepare(LaunchRequest request)
    {
        foreach (BindMount volume in PersonalityRules.Volumes(request))
        {
            Directory.CreateDirectory(volume.Source, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }
}
