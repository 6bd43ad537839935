using System.Runtime.InteropServices;
using Manifold.Engine;

namespace Manifold.Tests.Engine;

public sealed partial class PrivateFolderTests : IDisposable
{
    [LibraryImport("libc")]
    private static partial uint geteuid();

    internal static uint UserNumber => geteuid();

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private string Fixed => folder[$"manifold-{UserNumber}"];

    [Fact]
    public void The_folder_is_made_for_this_user_alone_and_found_again()
    {
        Assert.Equal(Fixed, PrivateFolder.In(folder.Path));
        Assert.Equal(Fixed, PrivateFolder.In(folder.Path));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Fixed));
    }

    [Fact]
    public void A_symbolic_link_is_not_followed()
    {
        var target = Directory.CreateDirectory(folder["elsewhere"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName;
        File.CreateSymbolicLink(Fixed, target);
        ExpectFresh();
        Assert.Empty(Directory.GetFileSystemEntries(target));
    }

    [Fact]
    public void A_link_to_nothing_a_file_and_a_folder_that_others_may_enter_are_passed_over()
    {
        File.CreateSymbolicLink(Fixed, folder["nowhere"]);
        ExpectFresh();
        Assert.False(Path.Exists(folder["nowhere"]));
        File.Delete(Fixed);

        File.WriteAllText(Fixed, "");
        ExpectFresh();
        File.Delete(Fixed);

        Directory.CreateDirectory(Fixed);
        File.SetUnixFileMode(Fixed, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.OtherWrite);
        ExpectFresh();
    }

    // Root may enter any folder and change any mode, which says nothing of who owns it.
    [Fact]
    public void A_folder_of_another_user_is_not_ours_even_for_root()
    {
        var theirs = "/root";
        if (UserNumber == 0)
        {
            Directory.CreateDirectory(Fixed, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            Assert.Equal(0, Child.Run("chown", ["65534", Fixed]).ExitCode);
            ExpectFresh();
            theirs = Fixed;
        }
        Assert.False(PrivateFolder.IsOurs(theirs));
    }

    private void ExpectFresh()
    {
        var made = PrivateFolder.In(folder.Path);
        Assert.NotEqual(Fixed, made);
        Assert.StartsWith(folder["manifold-"], made);
        Assert.True(PrivateFolder.IsOurs(made));
    }
}
