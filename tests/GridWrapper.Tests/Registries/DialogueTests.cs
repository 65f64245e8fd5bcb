using GridWrapper.Diagnostics;
using GridWrapper.Probing;
using GridWrapper.Registries;
using GridWrapper.Tests.Documentation;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Tests.Registries;

/// <summary>What gridwrap says to Docker Hub, GitLab, Harbor, Quay, GitHub and Azure, and what it makes of their answers: the files of Dialogues/, word for word.</summary>
[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class DialogueTests
{
    private static string[] Names => Dialogue.Names;

    [TestCaseSource(nameof(Names))]
    public async Task Every_request_is_the_one_that_the_registry_expects(string name, CancellationToken ct)
    {
        await using Dialogue dialogue = Dialogue.Load(name);
        (byte[]? layer, GridWrapperException? fault) = await PlayAsync(dialogue, ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(dialogue.Faults, Is.Empty);
            Assert.That(dialogue.Left, Is.Zero, "steps that did not happen");
            Assert.That(layer?.AsSpan().SequenceEqual(dialogue.Layer), dialogue.Ends["layer"] is null ? Is.Null : Is.True, fault?.Message);
            Assert.That(fault?.Failure.Blame.ToString().ToLowerInvariant(), Is.EqualTo((string?)dialogue.Ends["blame"]));
            Assert.That(fault?.Failure.PilotErrorCode, Is.EqualTo((int?)dialogue.Ends["pilot"]));
            Assert.That((dialogue.Ends["says"] ?? new JArray()).Select(says => (string)says!).Where(says => fault?.Message.Contains(says, StringComparison.Ordinal) != true), Is.Empty, fault?.Message);
            Assert.That(fault?.ToString() ?? "", Does.Not.Contain("secret-signature").And.Not.Contain("gldt-secret").And.Not.Contain("harbor-secret"));
        }
    }

    [TestCaseSource(nameof(Names))]
    public void A_dialogue_says_where_it_is_from(string name) =>
        Assert.That(Repository.Read($"{Dialogue.Folder}/{name}.json"), Does.StartWith("// Written after public documentation and reports of what this registry sends; not captured."));

    /// <summary>The survey and the pull of one layer, each with a client of its own, as in a run.</summary>
    private static async Task<(byte[]? Layer, GridWrapperException? Fault)> PlayAsync(Dialogue dialogue, CancellationToken ct)
    {
        try
        {
            RegistryClientFactory clients = TestImage.Clients(dialogue.Config);
            ResolvedImage image = await new ImageResolver(clients).ResolveAsync(dialogue.Reference, TestImage.Site, TestImage.Node, ct);
            using RegistryClient client = clients.Create(TestImage.Site);
            await using Stream stream = await client.OpenBlobAsync(dialogue.Reference, image.Manifest.Layers[0], ct);
            using var all = new MemoryStream();
            await stream.CopyToAsync(all, ct);
            return (all.ToArray(), null);
        }
        catch (GridWrapperException e)
        {
            return (null, e);
        }
    }
}
