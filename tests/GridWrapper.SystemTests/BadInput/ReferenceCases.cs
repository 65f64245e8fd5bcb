namespace GridWrapper.SystemTests.BadInput;

/// <summary>Image references that are wrong, and local images that are none.</summary>
internal static class ReferenceCases
{
    internal static IEnumerable<BadCase> All =>
    [
        Reference("reference in upper case", "Alpine", "upper-case", "'alpine'"),
        Reference("reference with a short digest", "alpine@sha256:12", "64 hex digits"),
        Reference("reference with a digest of another kind", "alpine@md5:0123456789abcdef0123456789abcdef", "md5"),
        Reference("reference with a bad tag", "alpine:-x", "tag '-x'"),
        Reference("reference of a kind that is not supported", "oras://registry/x:1", "oras://", "apptainer pull"),
        Reference("reference that is empty", "", "empty"),
        Reference("reference with a blank", "al pine", "al pine"),
        new() { Name = "directory that is not there", Prepare = _ => ["exec", "/nowhere", "--", "true"], Exit = 125, Step = "choose-strategy", Pilot = 1360, Says = ["/nowhere", "does not exist"] },
        new() { Name = "layout that is not there", Prepare = _ => ["exec", "oci:/nowhere", "--", "true"], Exit = 125, Step = "read-local-image", Pilot = 1103, Says = ["/nowhere"] },
        new()
        {
            Name = "archive that is none",
            Prepare = bed => ["exec", "oci-archive:" + bed.Write("image.tar", new string('x', 4096)), "--", "true"],
            Exit = 125,
            Blame = "image",
            Step = "read-local-image",
            Pilot = 1309,
            Says = ["image.tar"],
        },
    ];

    private static BadCase Reference(string name, string reference, params string[] says) =>
        new() { Name = name, Prepare = _ => ["exec", reference, "--", "true"], Step = "parse-image-reference", Says = says };
}
